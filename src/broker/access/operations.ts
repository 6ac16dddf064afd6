/**
 * Which operations a caller may do on a resource, as Kafka's bit fields: bit n stands for the ACL operation with code
 * n. There is no access control yet, so everyone may do everything.
 */

const operation = {
  read: 1 << 3,
  write: 1 << 4,
  create: 1 << 5,
  delete: 1 << 6,
  alter: 1 << 7,
  describe: 1 << 8,
  clusterAction: 1 << 9,
  describeConfigs: 1 << 10,
  alterConfigs: 1 << 11,
  idempotentWrite: 1 << 12,
} as const

const { read, write, create, alter, describe, clusterAction, describeConfigs, alterConfigs } =
  operation

export const allowedOperations = {
  topic:
    read | write | create | operation.delete | alter | describe | describeConfigs | alterConfigs,
  group: read | operation.delete | describe | describeConfigs | alterConfigs,
  cluster:
    create |
    alter |
    describe |
    clusterAction |
    describeConfigs |
    alterConfigs |
    operation.idempotentWrite,
} as const
