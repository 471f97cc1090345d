/** From a stage of the plan to the Kubernetes objects that run it. Pure: no I/O, no clock. */
import type {
  V1DeploymentSpec,
  V1PodDisruptionBudgetSpec,
  V1PodSpec,
  V1ServiceSpec,
} from '@kubernetes/client-node';
import {
  workersService,
  type Hub,
  type IntegrationFlow,
  type Stage,
  type StageConfiguration,
} from '@integration-hub/api';
import { resourceTypes, type KubeObject, type Plain, type ResourceType } from '../kubernetes/object.js';
import { consoleAccess } from './console-access.js';
import { networkPolicySpec } from './network-policy.js';
import { annotations, hashOf, selectorLabels, stageLabels, workerSelector } from './names.js';
import { podSpec } from './pod.js';

export interface RenderInput {
  readonly stage: Stage;
  readonly hub: Hub;
  /** Of a listener: says how its Service is reached. */
  readonly service?: IntegrationFlow['spec']['listener']['service'];
  /** The resource that the objects belong to. */
  readonly owner: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
  };
  /** What the operator was installed with; the Hub may name another image. */
  readonly image: string;
  /** The program in the image. */
  readonly command: readonly string[];
}

/** A rendered object and its kind. */
export interface Rendered {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

/**
 * Renders a stage: ServiceAccount, ConfigMap, NetworkPolicy, PodDisruptionBudget, for a listener and the console a
 * Service, for the console a Role with its binding, and last the Deployment. All have the stage's name, but for the
 * Service by which the console finds workers.
 */
export function renderStage(input: RenderInput): Rendered[] {
  const { stage } = input;
  const configuration = JSON.stringify(stage.configuration, null, 2);
  const rendered = [
    made(input, resourceTypes.serviceAccount, { automountServiceAccountToken: false }),
    made(input, resourceTypes.configMap, { data: { [configurationFile]: configuration } }),
    made(input, resourceTypes.networkPolicy, { spec: networkPolicySpec(stage) }),
    made(input, resourceTypes.disruptionBudget, { spec: disruptionBudgetSpec(stage) }),
  ];
  if (stage.ports.length > 0) rendered.push(service(input));
  if (stage.role === 'console') {
    rendered.push(allWorkers(input));
    for (const { type, content } of consoleAccess(stage)) rendered.push(made(input, type, content));
  }
  rendered.push(
    made(input, resourceTypes.deployment, {
      spec: deploymentSpec(
        stage,
        podSpec(input, configurationFile),
        hashOf(readAtStart(stage.configuration)),
      ),
    }),
  );
  return rendered;
}

/** Where a ConfigMap holds a worker's configuration. */
export const configurationFile = 'worker.json';

function made(
  { stage, owner }: RenderInput,
  type: ResourceType,
  content: object,
  objectAnnotations?: Readonly<Record<string, string>>,
): Rendered {
  const { apiVersion, kind, name, uid } = owner;
  const object: KubeObject = {
    apiVersion: type.apiVersion,
    kind: type.kind,
    metadata: {
      name: stage.name,
      namespace: stage.configuration.namespace,
      labels: stageLabels(stage),
      ...(objectAnnotations && { annotations: { ...objectAnnotations } }),
      // No blockOwnerDeletion: it would need one more permission, and the finalizer sees to the order.
      ownerReferences: [{ apiVersion, kind, name, uid, controller: true }],
    },
    ...content,
  };
  return { type, object };
}

/** What makes another process necessary where it changes: all but what the console reads again. */
function readAtStart(configuration: StageConfiguration): unknown {
  if (configuration.role !== 'console') return JSON.stringify(configuration, null, 2);
  return { ...configuration, plan: undefined };
}

/** Its name has the addresses of all workers, ready or not: the console asks each of them. */
function allWorkers(input: RenderInput): Rendered {
  const { configuration } = input.stage;
  const spec: Plain<V1ServiceSpec> = {
    type: 'ClusterIP',
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: workerSelector,
    ports: [{ name: 'http', port: configuration.health.httpPort, targetPort: 'http', protocol: 'TCP' }],
  };
  const rendered = made(input, resourceTypes.service, { spec });
  const name = workersService(input.hub.metadata.name, configuration.namespace).split('.')[0]!;
  return { ...rendered, object: { ...rendered.object, metadata: { ...rendered.object.metadata, name } } };
}

function service(input: RenderInput): Rendered {
  const { stage, service: wish } = input;
  const spec: Plain<V1ServiceSpec> = {
    type: wish?.type ?? 'ClusterIP',
    selector: selectorLabels(stage.name),
    ports: stage.ports.map(({ name, port }) => ({
      name,
      port,
      targetPort: name,
      protocol: 'TCP',
      ...(wish?.nodePort !== undefined && { nodePort: wish.nodePort }),
    })),
  };
  return made(input, resourceTypes.service, { spec }, wish?.annotations);
}

function disruptionBudgetSpec(stage: Stage): Plain<V1PodDisruptionBudgetSpec> {
  return {
    // N of N+1, however many an autoscaler makes them.
    maxUnavailable: 1,
    // A pod that isn't ready does no work, so it need not hold up the drain of its node.
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
    selector: { matchLabels: selectorLabels(stage.name) },
  };
}

function deploymentSpec(
  stage: Stage,
  pod: Plain<V1PodSpec>,
  configurationHash: string,
): Plain<V1DeploymentSpec> {
  return {
    replicas: stage.replicas,
    revisionHistoryLimit: 3,
    // Kubernetes' own words for "stuck"; conditions report it.
    progressDeadlineSeconds: 300,
    // A new worker is ready before an old one goes.
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    selector: { matchLabels: selectorLabels(stage.name) },
    template: {
      metadata: {
        labels: stageLabels(stage),
        annotations: { [annotations.configurationHash]: configurationHash },
      },
      spec: pod,
    },
  };
}
