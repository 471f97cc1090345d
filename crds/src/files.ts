/** The files that the chart takes, crds/<plural>.yaml, and what has `kubectl apply -k crds` take them. */
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { stringify } from 'yaml';
import { customResourceDefinitions } from './definitions.js';

const heading = '# Made from the schemas in api/src by `make crds`. Change those, not this file.\n';

/** The folder that the files stand in. */
export const folder = new URL('../', import.meta.url);

/** The name of each file and its text. */
export async function crdFiles(): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const definition of customResourceDefinitions()) {
    const name = `${definition.metadata.name.split('.')[0]!}.yaml`;
    texts.set(name, stringify(definition, { aliasDuplicateObjects: false, lineWidth: 0 }));
  }
  // kubectl apply -f would take package.json, too.
  const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' };
  texts.set('kustomization.yaml', stringify({ ...kustomization, resources: [...texts.keys()] }));

  const files = new Map<string, string>();
  for (const [name, text] of texts) {
    // `make lint` looks at these files as well.
    const style = await resolveConfig(fileURLToPath(new URL(name, folder)));
    files.set(name, await format(heading + text, { ...style, parser: 'yaml' }));
  }
  return files;
}
