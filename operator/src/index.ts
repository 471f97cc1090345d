/**
 * For those who show what the operator would make, and what of it is there: rendering, plans, kinds, and requests to
 * the API server.
 */
export { stamped } from './applier.js';
export * from './kubernetes/api-client.js';
export * from './kubernetes/api-error.js';
export { firstDifference } from './kubernetes/difference.js';
export * from './kubernetes/object.js';
export * from './namespace-plans.js';
export { alertRulesName, renderAlertRules, type AlertRulesInput } from './render/alert-rules.js';
export { annotations, managedBySelector, ownerLabels, type OwnerKind } from './render/names.js';
export * from './render/stage-objects.js';
