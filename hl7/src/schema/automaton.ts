import type { Message } from '../message/message.js';
import type { CompositeType, Particle } from './model.js';
import { SchemaError } from './schema-error.js';

/** A place in a structure where a segment can stand. Place 0 is before the first segment. */
export interface Place {
  /** Undefined for the start and where any segment that begins with Z may stand. */
  readonly type: CompositeType | undefined;
  /** The groups around it, outermost first, as XML names them: `ADT_A39.PATIENT`. */
  readonly groups: readonly string[];
}

/** The way from one place to the next. */
export interface Step {
  readonly to: number;
  /** How many of the groups around the first place stay open. */
  readonly keep: number;
  /** Segments that are left out on the way though the structure requires them. */
  readonly missing: readonly string[];
}

/** As the name of segments that the structure doesn't name. */
export const ANY_SEGMENT = '*';

const MOST_PLACES = 5000;
const NONE: readonly string[] = [];

/**
 * The order of segments that a structure allows, as an automaton that reads the segments' names (Glushkov's
 * construction). Where a segment could belong to a group or come after it, it belongs to the group, as in every
 * reader of HL7 v2.
 */
export class Automaton {
  readonly places: Place[] = [{ type: undefined, groups: NONE }];
  readonly #steps: Map<string, Step>[] = [new Map<string, Step>()];
  readonly #ends = new Set<number>();
  readonly #detours = new Map<string, Step | undefined>();

  constructor(
    private readonly structure: string,
    content: Particle,
  ) {
    const { first, last, nullable } = this.#particle(content, []);
    this.#connect([0], first, 0);
    for (const place of last) this.#ends.add(place);
    if (nullable) this.#ends.add(0);
  }

  /** The step that a segment of that name takes; undefined when it can't stand next. */
  step(from: number, name: string): Step | undefined {
    return this.#steps[from]!.get(name);
  }

  /**
   * How to go on at a segment that can't stand next: past segments that are missing; or undefined, when the segment
   * is best passed over, since there is no such way or what is missing comes later.
   *
   * @param name of a segment that the structure names
   * @param comesLater whether the message has a segment of a name further on
   */
  detour(from: number, name: string, comesLater: (name: string) => boolean): Step | undefined {
    const key = `${from} ${name}`;
    if (!this.#detours.has(key))
      this.#detours.set(
        key,
        this.#search(from, (place) => this.step(place, name)),
      );
    const detour = this.#detours.get(key);
    return detour?.missing.some(comesLater) === true ? undefined : detour;
  }

  /** The names of the segments that are missing at the end of the message; none when it may end here. */
  missingAtEnd(from: number): readonly string[] {
    const end = this.#search(
      from,
      (to) => (this.#ends.has(to) ? { to, keep: 0, missing: NONE } : undefined),
      true,
    );
    return end?.missing ?? NONE;
  }

  mayEnd(place: number): boolean {
    return this.#ends.has(place);
  }

  /** The names that may come next. */
  expected(from: number): string[] {
    return [...this.#steps[from]!.keys()].filter((name) => name !== ANY_SEGMENT);
  }

  #search(from: number, goal: (place: number) => Step | undefined, atStart = false): Step | undefined {
    if (atStart && goal(from) !== undefined) return goal(from);
    const seen = new Set([from]);
    let edge: Step[] = [{ to: from, keep: this.places[from]!.groups.length, missing: NONE }];
    while (edge.length > 0) {
      const next: Step[] = [];
      for (const way of edge) {
        for (const [name, step] of this.#steps[way.to]!) {
          if (name === ANY_SEGMENT || seen.has(step.to)) continue;
          seen.add(step.to);
          const keep = Math.min(way.keep, step.keep);
          const missing = [...way.missing, name];
          const last = goal(step.to);
          if (last !== undefined) return { to: last.to, keep: Math.min(keep, last.keep), missing };
          next.push({ to: step.to, keep, missing });
        }
      }
      edge = next;
    }
    return undefined;
  }

  #particle(particle: Particle, groups: readonly string[]): Part {
    const { min, max } = particle;
    const whole: Part = { first: [], last: [], nullable: true };
    // Copies for `min` and finite `max`; without limit, the last copy may follow itself.
    const copies = max === Infinity ? Math.max(min, 1) : max;
    let ends: number[] = [];
    for (let copy = 0; copy < copies; copy++) {
      const one = this.#once(particle, groups);
      if (copy === copies - 1 && max === Infinity) this.#connect(one.last, one.first, groups.length);
      this.#connect(ends, one.first, groups.length);
      if (whole.nullable) whole.first.push(...one.first);
      const skippable = one.nullable || copy >= min;
      whole.nullable &&= skippable;
      ends = skippable ? [...ends, ...one.last] : one.last;
    }
    whole.last.push(...ends);
    return whole;
  }

  #once(particle: Particle, groups: readonly string[]): Part {
    switch (particle.kind) {
      case 'segment':
        return this.#add(particle.type, groups);
      case 'any':
        return this.#add(undefined, groups);
      case 'group':
        return this.#particle(particle.content, [...groups, particle.name]);
      case 'choice': {
        const options = particle.items.map((item) => this.#particle(item, groups));
        return {
          first: options.flatMap((option) => option.first),
          last: options.flatMap((option) => option.last),
          nullable: options.length === 0 || options.some((option) => option.nullable),
        };
      }
      case 'sequence': {
        const whole: Part = { first: [], last: [], nullable: true };
        for (const item of particle.items.map((each) => this.#particle(each, groups))) {
          this.#connect(whole.last, item.first, groups.length);
          if (whole.nullable) whole.first.push(...item.first);
          whole.nullable &&= item.nullable;
          whole.last = item.nullable ? [...whole.last, ...item.last] : item.last;
        }
        return whole;
      }
    }
  }

  #add(type: CompositeType | undefined, groups: readonly string[]): Part {
    const place = this.places.push({ type, groups }) - 1;
    if (place > MOST_PLACES) {
      throw new SchemaError(
        'SCHEMA_UNSUPPORTED',
        `${this.structure} has more than ${MOST_PLACES} places for segments: use a lower maxOccurs, or unbounded`,
      );
    }
    this.#steps.push(new Map());
    return { first: [place], last: [place], nullable: false };
  }

  /** Inner particles are connected before outer ones, and the first step for a name stays. */
  #connect(from: readonly number[], to: readonly number[], keep: number): void {
    for (const place of from) {
      for (const next of to) {
        const name = this.places[next]!.type?.name ?? ANY_SEGMENT;
        const steps = this.#steps[place]!;
        if (!steps.has(name)) steps.set(name, { to: next, keep, missing: NONE });
      }
    }
  }
}

/** Tells whether a message has a segment of a name after a position. */
export function laterSegments(message: Message): (name: string, position: number) => boolean {
  const last = new Map(message.segments().map((segment) => [segment.name, segment.index]));
  return (name, position) => (last.get(name) ?? -1) > position;
}

/** A part of the structure: the places that it can begin and end with, and whether it can be empty. */
interface Part {
  readonly first: number[];
  last: number[];
  nullable: boolean;
}
