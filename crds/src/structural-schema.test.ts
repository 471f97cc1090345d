import { expect } from 'chai';
import { z } from 'zod';
import { structuralSchema } from './structural-schema.js';

describe('structuralSchema', () => {
  it('keeps what a person may leave out as optional, with its default', () => {
    const schema = z.strictObject({
      port: z.int().min(1).max(9).default(5).describe('A port.'),
      retry: z.strictObject({ by: z.enum(['a', 'b']) }).prefault({ by: 'a' }),
      annotations: z.record(z.string(), z.string().max(3)).optional(),
    });
    expect(structuralSchema(schema)).to.deep.equal({
      type: 'object',
      properties: {
        port: {
          type: 'integer',
          description: 'A port. From 1 to 9. Default: 5.',
          minimum: 1,
          maximum: 9,
          default: 5,
        },
        retry: {
          type: 'object',
          default: { by: 'a' },
          required: ['by'],
          properties: { by: { type: 'string', enum: ['a', 'b'] } },
        },
        annotations: { type: 'object', additionalProperties: { type: 'string', maxLength: 3 } },
      },
    });
  });

  it('completes a default with the defaults within', () => {
    const inner = z.strictObject({ a: z.int().default(1), b: z.int().optional() }).prefault({});
    const outer = z.strictObject({ inner, c: z.string().default('c') }).prefault({ c: 'd' });
    expect(structuralSchema(outer).default).to.deep.equal({ inner: { a: 1 }, c: 'd' });
  });

  it('refuses what has no structural form', () => {
    for (const schema of [
      z.union([z.string(), z.int()]),
      z.strictObject({ anything: z.unknown() }),
      z.tuple([z.string()]),
      z.string().regex(/a/).regex(/b/),
    ]) {
      expect(() => structuralSchema(schema)).to.throw(/has no type|no structural schema has/);
    }
  });
});
