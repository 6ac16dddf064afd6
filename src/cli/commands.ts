/** All commands, by their words. */
import type { CommandTree } from './shell/tree.ts'

export const commands: CommandTree = {
  serve: {
    summary: 'serve the events of a data folder to every Kafka client',
    load: async () => (await import('./serve.ts')).serve,
  },
  topic: {
    summary: 'topics: what there is, and changing it',
    aliases: ['topics'],
    commands: {
      ls: {
        summary: 'list topics',
        aliases: ['list'],
        load: async () => (await import('./topic/ls.ts')).topicLs,
      },
      create: {
        summary: 'create topics',
        load: async () => (await import('./topic/create.ts')).topicCreate,
      },
      describe: {
        summary: 'show partitions, offsets and settings of a topic',
        load: async () => (await import('./topic/describe.ts')).topicDescribe,
      },
      alter: {
        summary: 'change settings of a topic, or raise its number of partitions',
        load: async () => (await import('./topic/alter.ts')).topicAlter,
      },
      rm: {
        summary: 'delete topics and all their records',
        aliases: ['delete'],
        load: async () => (await import('./topic/rm.ts')).topicRm,
      },
      purge: {
        summary: 'delete records of a topic, and keep the topic',
        load: async () => (await import('./topic/purge.ts')).topicPurge,
      },
    },
  },
  produce: {
    summary: 'write records from standard input or files',
    load: async () => (await import('./produce.ts')).produce,
  },
  consume: {
    summary: 'read records: from anywhere, up to anywhere, or as they come',
    load: async () => (await import('./consume.ts')).consume,
  },
  export: {
    summary: 'write the records of a topic to a file, as NDJSON, without loss',
    load: async () => (await import('./export.ts')).exportTopic,
  },
  import: {
    summary: 'write records of an export to a topic',
    load: async () => (await import('./import.ts')).importTopic,
  },
  group: {
    summary: 'consumer groups: how far they are, and moving them',
    aliases: ['groups'],
    commands: {
      ls: {
        summary: 'list groups',
        aliases: ['list'],
        load: async () => (await import('./group/ls.ts')).groupLs,
      },
      describe: {
        summary: 'show members and partitions of a group',
        load: async () => (await import('./group/describe.ts')).groupDescribe,
      },
      lag: {
        summary: 'show how far groups are behind, in records',
        load: async () => (await import('./group/lag.ts')).groupLag,
      },
      reset: {
        summary: 'move the offsets of a group that nobody reads with',
        load: async () => (await import('./group/reset.ts')).groupReset,
      },
      rm: {
        summary: 'delete groups and all that they have committed',
        aliases: ['delete'],
        load: async () => (await import('./group/rm.ts')).groupRm,
      },
    },
  },
  tx: {
    summary: 'transactions: those under way, and what became of others',
    commands: {
      ls: {
        summary: 'list transactional ids',
        aliases: ['list'],
        load: async () => (await import('./tx/ls.ts')).txLs,
      },
      describe: {
        summary: 'show producer, time and partitions of a transaction',
        load: async () => (await import('./tx/describe.ts')).txDescribe,
      },
    },
  },
  key: {
    summary: 'API keys of kafka-do serve --access keys',
    aliases: ['keys'],
    commands: {
      create: {
        summary: 'make an API key',
        load: async () => (await import('./key/create.ts')).keyCreate,
      },
      ls: {
        summary: 'list API keys, without their secrets',
        aliases: ['list'],
        load: async () => (await import('./key/ls.ts')).keyLs,
      },
      rotate: {
        summary: 'give an API key a new secret',
        load: async () => (await import('./key/rotate.ts')).keyRotate,
      },
      rm: {
        summary: 'revoke API keys, and take their rights away',
        aliases: ['delete', 'revoke'],
        load: async () => (await import('./key/rm.ts')).keyRm,
      },
    },
  },
  acl: {
    summary: 'rights, as Kafka keeps them',
    aliases: ['acls'],
    commands: {
      ls: {
        summary: 'list rights',
        aliases: ['list'],
        load: async () => (await import('./acl/ls.ts')).aclLs,
      },
      add: {
        summary: 'give rights, or take them away',
        load: async () => (await import('./acl/add.ts')).aclAdd,
      },
      rm: {
        summary: 'delete the rights that fit',
        aliases: ['delete'],
        load: async () => (await import('./acl/rm.ts')).aclRm,
      },
    },
  },
  quota: {
    summary: 'quotas of users and clients',
    aliases: ['quotas'],
    commands: {
      ls: {
        summary: 'list quotas',
        aliases: ['list'],
        load: async () => (await import('./quota/ls.ts')).quotaLs,
      },
      set: {
        summary: 'set quotas',
        load: async () => (await import('./quota/set.ts')).quotaSet,
      },
      rm: {
        summary: 'take quotas away',
        aliases: ['delete'],
        load: async () => (await import('./quota/rm.ts')).quotaRm,
      },
    },
  },
  context: {
    summary: 'connections that are kept by name',
    aliases: ['contexts'],
    commands: {
      add: {
        summary: 'keep a connection',
        load: async () => (await import('./context/add.ts')).contextAdd,
      },
      use: {
        summary: 'use a connection where nothing else is said',
        load: async () => (await import('./context/use.ts')).contextUse,
      },
      ls: {
        summary: 'list the connections that are kept',
        aliases: ['list'],
        load: async () => (await import('./context/ls.ts')).contextLs,
      },
      rm: {
        summary: 'forget a connection',
        aliases: ['delete'],
        load: async () => (await import('./context/rm.ts')).contextRm,
      },
    },
  },
  streams: {
    summary: 'stream applications: how they stand, and taking them back to their beginning',
    commands: {
      ls: {
        summary: 'list applications',
        aliases: ['list'],
        load: async () => (await import('./streams/ls.ts')).streamsLs,
      },
      describe: {
        summary: "an application's members, how far it is in each partition, and its own topics",
        load: async () => (await import('./streams/describe.ts')).streamsDescribe,
      },
      reset: {
        summary: 'take an application back to its beginning: it processes everything again',
        load: async () => (await import('./streams/reset.ts')).streamsReset,
      },
    },
  },
  console: {
    summary: 'show a cluster in the browser',
    load: async () => (await import('./console.ts')).consoleCommand,
  },
  doctor: {
    summary:
      'look for what is wrong with a data folder, its machine or a cluster, and repair damage',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  backup: {
    summary: 'copy all that is stored at this moment, of a folder or a server that works',
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    summary: 'make a data folder of a backup',
    load: async () => (await import('./restore.ts')).restore,
  },
  bench: {
    summary: 'measure produce, consume and end-to-end latency',
    load: async () => (await import('./bench.ts')).bench,
  },
  top: {
    summary: 'watch rates and lag, live',
    load: async () => (await import('./top.ts')).top,
  },
  completion: {
    summary: 'print what makes a shell complete commands, options and names',
    load: async () => (await import('./completion.ts')).completion,
  },
  version: {
    summary: 'show the version, and that of Node.js',
    load: async () => (await import('./version.ts')).version,
  },
}
