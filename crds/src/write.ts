/** `make crds`: writes the CustomResourceDefinitions. */
import { writeFile } from 'node:fs/promises';
import { crdFiles, folder } from './files.js';

for (const [name, text] of await crdFiles()) await writeFile(new URL(name, folder), text);
