/** Kafka's names and codes of what ACLs are made of (KIP-11, KIP-290). */

/** `AclOperation`, without what stands for several. */
export const operations = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
  createTokens: 13,
  describeTokens: 14,
  twoPhaseCommit: 15,
} as const

/** `ResourceType` */
export const resourceTypes = {
  topic: 2,
  group: 3,
  cluster: 4,
  transactionalId: 5,
  delegationToken: 6,
  user: 7,
} as const

/** Also that for all of them. */
export const aclOperations = { all: 2, ...operations } as const
export const patternTypes = { literal: 3, prefixed: 4 } as const
export const permissions = { deny: 2, allow: 3 } as const

/** In a filter: any. */
export const anyCode = 1
