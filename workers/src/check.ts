/** What can be wrong with a worker's configuration beyond its form: expressions, paths, names of mappings. */
import type { StageConfiguration } from '@integration-hub/api';
import {
  BadMappingError,
  ConditionError,
  parsePath,
  PathError,
  SchemaError,
  UnknownMappingError,
} from '@integration-hub/hl7';
import { compileAcceptance } from './listener/acceptance.js';
import { compileAnyValidation } from './listener/reference-validation.js';
import { compileTransformation } from './transformer/transformer.js';

/**
 * Compiles what a worker with this configuration would compile at its start, so that a runner can say what is
 * wrong before it starts one.
 * @returns a sentence, or undefined where all is well
 */
export function checkConfiguration(configuration: StageConfiguration): string | undefined {
  try {
    if (configuration.role === 'listener') {
      compileAcceptance(configuration, compileAnyValidation(configuration.schema));
      if (configuration.ordering.by === 'Field') parsePath(configuration.ordering.path);
    } else if (configuration.role === 'transformer') {
      compileTransformation(configuration);
    }
    return undefined;
  } catch (error) {
    const sentence = configurationFault(error);
    if (sentence === undefined) throw error;
    return sentence;
  }
}

/** What an error says of a configuration, where it does. */
export function configurationFault(error: unknown): string | undefined {
  const isFault =
    error instanceof BadMappingError ||
    error instanceof ConditionError ||
    error instanceof UnknownMappingError ||
    error instanceof SchemaError ||
    error instanceof PathError;
  return isFault ? error.message : undefined;
}
