import type { V1Affinity, V1PodSpec, V1Probe, V1TopologySpreadConstraint } from '@kubernetes/client-node';
import {
  cpuToMillis,
  deduplicationBytes,
  secretsFolder,
  sizeToBytes,
  type Hub,
  type Stage,
} from '@integration-hub/api';
import type { Plain } from '../kubernetes/object.js';
import { selectorLabels } from './names.js';
import type { RenderInput } from './stage-objects.js';

const configurationFolder = '/etc/ihub';
/** The user of distroless images; any that isn't root would do. */
const user = 65532;
/** A worker gives up its stop after 90 s. */
const stopSeconds = 90;
/** How long endpoints take to learn that a pod leaves: until then connections still come to it. */
const leaveSeconds = 5;
const zoneLabel = 'topology.kubernetes.io/zone';
/** Its node's, which Kubernetes puts on the pod too from 1.35 on (KEP-4742); before, it is empty. */
const zoneOfPod = `metadata.labels['${zoneLabel}']`;

/** The pod of a stage, within the restricted Pod Security level. */
export function podSpec(input: RenderInput, configurationFile: string): Plain<V1PodSpec> {
  const { stage, hub } = input;
  const { workers, zones } = hub.spec;
  const { health, role } = stage.configuration;
  const { cpu, memory } = workers.resources[role];
  const bytes = sizeToBytes(memory) + deduplicationBytes(stage.configuration);
  const secrets = (stage.secrets ?? []).map((secret, index) => ({ ...secret, volume: `secret-${index}` }));
  return {
    serviceAccountName: stage.name,
    // Who speaks with the API server; its token ends within hours and is renewed.
    automountServiceAccountToken: role === 'console',
    // Their variables would name every Service of the namespace.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: stopSeconds + 2 * leaveSeconds,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      // A Secret's files are root's; the worker reads them by this group.
      fsGroup: user,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(workers.imagePullSecrets.length > 0 && { imagePullSecrets: workers.imagePullSecrets }),
    affinity: affinity(stage, zones),
    topologySpreadConstraints: [zoneSpread(stage, zones)],
    tolerations: ['not-ready', 'unreachable'].map((state) => ({
      key: `node.kubernetes.io/${state}`,
      operator: 'Exists',
      effect: 'NoExecute',
      // Kubernetes would wait 300 s before it replaces the pods of a lost node.
      tolerationSeconds: 60,
    })),
    containers: [
      {
        name: role,
        image: workers.image ?? input.image,
        imagePullPolicy: workers.imagePullPolicy,
        command: [...input.command],
        args: ['--config', `${configurationFolder}/${configurationFile}`],
        env: [{ name: 'IHUB_ZONE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: zoneOfPod } } }],
        ports: [
          ...stage.ports.map(({ name, port }) => ({ name, containerPort: port, protocol: 'TCP' })),
          { name: 'live', containerPort: health.tcpPort, protocol: 'TCP' },
          { name: 'http', containerPort: health.httpPort, protocol: 'TCP' },
        ],
        startupProbe: { ...probe(2, 60), tcpSocket: { port: 'live' } },
        livenessProbe: { ...probe(10, 3), tcpSocket: { port: 'live' } },
        readinessProbe: { ...probe(5, 2), httpGet: { path: '/readyz', port: 'http', scheme: 'HTTP' } },
        lifecycle: { preStop: { sleep: { seconds: leaveSeconds } } },
        resources: {
          requests: { cpu: canonicalCpu(cpu), memory: canonicalMemory(bytes) },
          limits: { memory: canonicalMemory(bytes) },
        },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [
          { name: 'configuration', mountPath: configurationFolder, readOnly: true },
          { name: 'tmp', mountPath: '/tmp' },
          // The folder, not its files by subPath, which are never renewed: workers notice a rotated Secret themselves.
          ...secrets.map(({ name, volume }) => ({
            name: volume,
            mountPath: `${secretsFolder}/${name}`,
            readOnly: true,
          })),
        ],
      },
    ],
    volumes: [
      { name: 'configuration', configMap: { name: stage.name } },
      { name: 'tmp', emptyDir: {} },
      ...secrets.map(({ name, keys, volume }) => ({
        name: volume,
        secret: {
          secretName: name,
          optional: false,
          defaultMode: 0o440,
          ...(keys.length > 0 && { items: keys.map((key) => ({ key, path: key })) }),
        },
      })),
    ],
  };
}

/**
 * Evenly over the zones. Where the Hub names its zones that is a must, yet no obstacle to a start when one is gone:
 * nodes that are tainted (not reachable, cordoned) do not count (`nodeTaintsPolicy: Honor`), so a zone without a sound
 * node is no zone to spread over, and `minDomains` is left at 1. Where a zone is merely full, its worker waits there,
 * rather than that both run in one zone and nobody notices. Only pods of the same revision are weighed, else a
 * rollout would leave them askew.
 *
 * Where the Hub names no zones, nodes need have no zone label, which a must would exclude.
 */
function zoneSpread(stage: Stage, zones: Hub['spec']['zones']): Plain<V1TopologySpreadConstraint> {
  return {
    maxSkew: 1,
    topologyKey: zoneLabel,
    whenUnsatisfiable: zones.length > 0 ? 'DoNotSchedule' : 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorLabels(stage.name) },
    matchLabelKeys: ['pod-template-hash'],
    nodeTaintsPolicy: 'Honor',
  };
}

/** In the Hub's zones only (a third may have nodes for a witness), and on different nodes where there are enough. */
function affinity(stage: Stage, zones: Hub['spec']['zones']): Plain<V1Affinity> {
  const inZones = { key: zoneLabel, operator: 'In', values: [...zones] };
  return {
    ...(zones.length > 0 && {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [inZones] }],
        },
      },
    }),
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            labelSelector: { matchLabels: selectorLabels(stage.name) },
            topologyKey: 'kubernetes.io/hostname',
          },
        },
      ],
    },
  };
}

function probe(periodSeconds: number, failureThreshold: number): Plain<V1Probe> {
  // A machine that is busy for a moment is no reason to restart a worker or to take it from its Service.
  return { periodSeconds, failureThreshold, timeoutSeconds: 5 };
}

/** The API server writes quantities in its own way; written so from the start, they compare equal. */
function canonicalCpu(cpu: string): string {
  const millis = cpuToMillis(cpu);
  return millis % 1000 === 0 ? String(millis / 1000) : `${millis}m`;
}

function canonicalMemory(bytes: number): string {
  const unit = (['Gi', 'Mi', 'Ki'] as const).find((name) => bytes % sizeToBytes(`1${name}`) === 0);
  return unit === undefined ? String(bytes) : `${bytes / sizeToBytes(`1${unit}`)}${unit}`;
}
