/** For those who show what the operator would make: the rendering of a plan to Kubernetes objects. */
export * from './render/stage-objects.js';
