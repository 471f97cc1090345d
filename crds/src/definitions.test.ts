import {
  celKey,
  destination,
  hub,
  integrationFlow,
  messageReplay,
  type CelValidation,
} from '@integration-hub/api';
import { expect } from 'chai';
import type { z } from 'zod';
import { customResourceDefinitions } from './definitions.js';
import type { StructuralSchema } from './structural-schema.js';

/** Every schema under one, itself first, with its path. */
function* within(schema: StructuralSchema, path = ''): Generator<[string, StructuralSchema]> {
  yield [path, schema];
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    yield* within(property, `${path}.${name}`);
  }
  if (schema.items) yield* within(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* within(schema.additionalProperties, `${path}{}`);
}

/** Every zod schema under one, wrappers included. */
function* zodWithin(schema: z.core.$ZodType, path = ''): Generator<[string, z.core.$ZodType]> {
  yield [path, schema];
  const { def } = schema._zod as z.core.$ZodTypeInternals & { def: z.core.$ZodTypes['_zod']['def'] };
  if (def.type === 'object') {
    for (const [name, field] of Object.entries(def.shape)) yield* zodWithin(field, `${path}.${name}`);
  } else if (def.type === 'array') yield* zodWithin(def.element, `${path}[]`);
  else if ('innerType' in def) yield* zodWithin(def.innerType, path);
}

const all = customResourceDefinitions().flatMap((definition) =>
  [...within(definition.spec.versions[0].schema.openAPIV3Schema)].map(
    ([path, schema]): [string, StructuralSchema] => [definition.metadata.name.split('.')[0]! + path, schema],
  ),
);
const paths = (found: (path: string, schema: StructuralSchema) => boolean): string[] =>
  all.filter(([path, schema]) => found(path, schema)).map(([path]) => path);

describe('customResourceDefinitions', () => {
  it('describe every field', () => {
    expect(all.length).to.be.greaterThan(100);
    // Kubernetes describes metadata itself; what stands in a list of texts or a map is described with it.
    const undescribed = paths(
      (path, { description, type }) =>
        description === undefined &&
        !/\.metadata(\.name)?$/.test(path) &&
        !(type === 'string' && /(\[\]|\{\})$/.test(path)),
    );
    expect(undescribed).to.deep.equal([]);
  });

  it('describe in whole sentences', () => {
    expect(
      paths((_, { description }) => description !== undefined && !/^[A-Z`].*\.$/.test(description)),
    ).to.deep.equal([]);
  });

  it('bound every text, list and map, so that the API server can reckon what a rule costs', () => {
    const bounded = /\.(apiVersion|kind|metadata\.name)$/;
    expect(
      paths(
        (path, schema) =>
          !bounded.test(path) &&
          ((schema.type === 'string' &&
            schema.maxLength === undefined &&
            schema.enum === undefined &&
            schema.format === undefined) ||
            (schema.type === 'array' && schema.maxItems === undefined) ||
            (schema.additionalProperties !== undefined && schema.maxProperties === undefined)),
      ),
    ).to.deep.equal([]);
  });

  it('bound every number and say its width', () => {
    expect(
      paths(
        (_, { type, minimum, format }) =>
          type === 'integer' && (minimum === undefined || format === undefined),
      ),
    ).to.deep.equal([]);
  });

  it('fill in nothing within lists, where Argo CD would see a difference for ever', () => {
    expect(paths((path, schema) => path.includes('[]') && 'default' in schema)).to.deep.equal([]);
  });

  it('have a rule or a kind of list for everything that zod refines', () => {
    let refined = 0;
    for (const schema of [integrationFlow, destination, hub, messageReplay]) {
      for (const [path, part] of zodWithin(schema.shape.spec)) {
        const checks = part._zod.def.checks ?? [];
        const ours = checks.filter(
          (check) =>
            check._zod.def.check === 'custom' ||
            (check._zod.def as Partial<z.core.$ZodCheckStringFormatDef>).format === 'regex',
        );
        const meta = (part as z.ZodType).meta() ?? {};
        const rules = ((meta[celKey] ?? []) as CelValidation[]).filter(
          ({ rule }) => !rule.includes('oldSelf'),
        );
        const native = 'x-kubernetes-list-type' in meta || 'maxProperties' in meta ? 1 : 0;
        expect(ours.length, path).to.be.at.most(rules.length + native);
        refined += ours.length;
      }
    }
    expect(refined).to.be.greaterThan(30);
  });

  it('say in each rule’s message what to change', () => {
    for (const [path, schema] of all) {
      for (const { message } of schema['x-kubernetes-validations'] ?? []) {
        expect(message, path).to.match(/^(must|needs|is needed|belongs|can’t) /);
      }
    }
  });
});
