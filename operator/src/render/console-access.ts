/** What the console may do in Kubernetes: silence and tune alarms of its namespace, by an annotation of the resource. */
import type { RbacV1Subject, V1PolicyRule, V1RoleRef } from '@kubernetes/client-node';
import { apiVersion, type Stage } from '@integration-hub/api';
import { resourceTypes, type Plain, type ResourceType } from '../kubernetes/object.js';

const rbac = 'rbac.authorization.k8s.io';

/**
 * The Role, and its binding to the stage's ServiceAccount. The operator can hand on only what it has itself, so
 * operator/rbac.yaml has the same rule.
 */
export function consoleAccess({
  name,
  configuration,
}: Stage): { readonly type: ResourceType; readonly content: object }[] {
  const rules: Plain<V1PolicyRule>[] = [
    {
      apiGroups: [apiVersion.split('/')[0]!],
      resources: [resourceTypes.hub, resourceTypes.flow, resourceTypes.destination].map(
        ({ plural }) => plural,
      ),
      verbs: ['get', 'patch'],
    },
  ];
  const roleRef: Plain<V1RoleRef> = { apiGroup: rbac, kind: resourceTypes.role.kind, name };
  const { namespace } = configuration;
  const subjects: Plain<RbacV1Subject>[] = [{ kind: resourceTypes.serviceAccount.kind, name, namespace }];
  return [
    { type: resourceTypes.role, content: { rules } },
    { type: resourceTypes.roleBinding, content: { roleRef, subjects } },
  ];
}
