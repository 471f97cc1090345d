/** Rules (ACLs) of a broker under test, as the KafkaUsers of Strimzi name them. */
import { kafkajs } from './repaired-kafkajs.js';

/** What is read of a KafkaUser. */
export interface KafkaUser {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly authorization: {
      readonly acls: readonly {
        readonly resource: {
          readonly type: 'topic' | 'group' | 'transactionalId' | 'cluster';
          readonly name?: string;
          readonly patternType?: 'literal' | 'prefix';
        };
        readonly operations: readonly string[];
      }[];
    };
  };
}

/** Does what Strimzi's User Operator does of rules. @param servers a listener of administrators */
export async function allowUsers(servers: string[], users: readonly KafkaUser[]): Promise<void> {
  const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
  const types = {
    topic: AclResourceTypes.TOPIC,
    group: AclResourceTypes.GROUP,
    transactionalId: AclResourceTypes.TRANSACTIONAL_ID,
    cluster: AclResourceTypes.CLUSTER,
  };
  /** DescribeConfigs: DESCRIBE_CONFIGS. */
  const constant = (operation: string): keyof typeof AclOperationTypes =>
    operation.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase() as keyof typeof AclOperationTypes;
  const acl = users.flatMap(({ metadata, spec }) =>
    spec.authorization.acls.flatMap(({ resource, operations }) =>
      operations.map((operation) => ({
        resourceType: types[resource.type],
        resourceName: resource.name ?? 'kafka-cluster',
        resourcePatternType:
          resource.patternType === 'prefix' ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
        principal: `User:${metadata.name}`,
        host: '*',
        operation: AclOperationTypes[constant(operation)],
        permissionType: AclPermissionTypes.ALLOW,
      })),
    ),
  );
  const admin = new kafkajs.Kafka({ brokers: servers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createAcls({ acl });
  } finally {
    await admin.disconnect();
  }
}
