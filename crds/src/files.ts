/** The files that kubectl and the chart take: crds/<plural>.yaml. */
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { stringify } from 'yaml';
import { customResourceDefinitions } from './definitions.js';

const heading = '# Made from the schemas in api/src by `make crds`. Change those, not this file.\n';

/** The folder that the files stand in. */
export const folder = new URL('../', import.meta.url);

/** The name of each file and its text. */
export async function crdFiles(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const definition of customResourceDefinitions()) {
    const name = `${definition.metadata.name.split('.')[0]!}.yaml`;
    const text = heading + stringify(definition, { aliasDuplicateObjects: false, lineWidth: 0 });
    // `make lint` looks at these files as well.
    const style = await resolveConfig(fileURLToPath(new URL(name, folder)));
    files.set(name, await format(text, { ...style, parser: 'yaml' }));
  }
  return files;
}
