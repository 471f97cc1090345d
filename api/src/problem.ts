/** What is wrong with a resource or with several together, in words that say what to change. */

/** A stable code for each kind of problem. */
export type ProblemCode =
  | 'NOT_YAML'
  | 'NOT_A_RESOURCE'
  | 'UNKNOWN_KIND'
  | 'INVALID_FIELD'
  | 'DUPLICATE'
  | 'MISSING_HUB'
  | 'MISSING_DESTINATION'
  | 'PORT_TAKEN'
  | 'NAME_TAKEN';

/** One problem of one resource. */
export interface Problem {
  readonly code: ProblemCode;
  /** Such as `IntegrationFlow/phw-to-mpi`, or the file where no resource could be read. */
  readonly resource: string;
  /** Such as `spec.listener.mllp.port`; empty where the problem is of the whole resource. */
  readonly field: string;
  /** What is wrong and what to do. */
  readonly message: string;
}

/** The problem on one line, as it is shown to people. */
export function problemText(problem: Problem): string {
  return `${problem.resource}: ${problem.field === '' ? '' : `${problem.field} `}${problem.message}`;
}
