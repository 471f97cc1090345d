/** For those who show what the operator would make, and what of it is there: rendering, kinds, and the comparison. */
export { firstDifference } from './kubernetes/difference.js';
export * from './kubernetes/object.js';
export { annotations, managedBySelector, ownerLabels, type OwnerKind } from './render/names.js';
export * from './render/stage-objects.js';
