/** All commands, by their words. */
import type { CommandTree } from './shell/tree.ts'

export const commands: CommandTree = {
  serve: {
    summary: 'serve a data folder to Kafka clients',
    load: async () => (await import('./serve.ts')).serve,
  },
  topic: {
    summary: 'list, create, change and delete topics',
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
        summary: 'delete records of a topic but keep the topic',
        load: async () => (await import('./topic/purge.ts')).topicPurge,
      },
    },
  },
  produce: {
    summary: 'write records from standard input or files',
    load: async () => (await import('./produce.ts')).produce,
  },
  consume: {
    summary: 'read records: a range, or new ones as they arrive',
    load: async () => (await import('./consume.ts')).consume,
  },
  export: {
    summary: 'write the records of a topic to a file as lossless NDJSON',
    load: async () => (await import('./export.ts')).exportTopic,
  },
  import: {
    summary: 'write exported records to a topic',
    load: async () => (await import('./import.ts')).importTopic,
  },
  group: {
    summary: 'list, inspect, reset and delete consumer groups',
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
        summary: 'show the lag of groups, in records',
        load: async () => (await import('./group/lag.ts')).groupLag,
      },
      reset: {
        summary: 'reset the offsets of a group without members',
        load: async () => (await import('./group/reset.ts')).groupReset,
      },
      rm: {
        summary: 'delete groups and their committed offsets',
        aliases: ['delete'],
        load: async () => (await import('./group/rm.ts')).groupRm,
      },
    },
  },
  tx: {
    summary: 'list and inspect transactions',
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
        summary: 'create an API key',
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
        summary: 'revoke API keys and remove their rights',
        aliases: ['delete', 'revoke'],
        load: async () => (await import('./key/rm.ts')).keyRm,
      },
    },
  },
  acl: {
    summary: 'Kafka ACLs (rights)',
    aliases: ['acls'],
    commands: {
      ls: {
        summary: 'list ACLs',
        aliases: ['list'],
        load: async () => (await import('./acl/ls.ts')).aclLs,
      },
      add: {
        summary: 'add ACLs that allow or deny',
        load: async () => (await import('./acl/add.ts')).aclAdd,
      },
      rm: {
        summary: 'delete matching ACLs',
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
        summary: 'remove quotas',
        aliases: ['delete'],
        load: async () => (await import('./quota/rm.ts')).quotaRm,
      },
    },
  },
  context: {
    summary: 'saved connections',
    aliases: ['contexts'],
    commands: {
      add: {
        summary: 'save a connection',
        load: async () => (await import('./context/add.ts')).contextAdd,
      },
      use: {
        summary: 'set the default connection',
        load: async () => (await import('./context/use.ts')).contextUse,
      },
      ls: {
        summary: 'list saved connections',
        aliases: ['list'],
        load: async () => (await import('./context/ls.ts')).contextLs,
      },
      rm: {
        summary: 'remove a saved connection',
        aliases: ['delete'],
        load: async () => (await import('./context/rm.ts')).contextRm,
      },
    },
  },
  streams: {
    summary: 'list, inspect and reset stream applications',
    commands: {
      ls: {
        summary: 'list applications',
        aliases: ['list'],
        load: async () => (await import('./streams/ls.ts')).streamsLs,
      },
      describe: {
        summary:
          "show an application's members, its progress in each partition, and its internal topics",
        load: async () => (await import('./streams/describe.ts')).streamsDescribe,
      },
      reset: {
        summary: 'reset an application so that it processes everything again',
        load: async () => (await import('./streams/reset.ts')).streamsReset,
      },
    },
  },
  console: {
    summary: 'show a cluster in the browser',
    load: async () => (await import('./console.ts')).consoleCommand,
  },
  doctor: {
    summary: 'check a data folder, its machine or a cluster for problems, and repair damage',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  backup: {
    summary: 'take a snapshot of a data folder or a running server',
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    summary: 'restore a backup to a data folder',
    load: async () => (await import('./restore.ts')).restore,
  },
  bench: {
    summary: 'measure produce, consume and end-to-end latency',
    load: async () => (await import('./bench.ts')).bench,
  },
  top: {
    summary: 'watch live rates and lag',
    load: async () => (await import('./top.ts')).top,
  },
  completion: {
    summary: 'print a shell completion script',
    load: async () => (await import('./completion.ts')).completion,
  },
  version: {
    summary: 'show the versions of kafka-do and Node.js',
    load: async () => (await import('./version.ts')).version,
  },
}
