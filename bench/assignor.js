/**
 * How long the leader of a stream application takes to share out many tasks: when nobody has any yet, when nothing has changed,
 * when a member has left, and when a new one joins. By hand: `npm run build && node bench/assignor.js 10000 50`.
 */
import { taskAssignor } from './modules/streams/runtime/task-assignor.js'

const taskCount = Number(process.argv[2] ?? 10_000)
const memberCount = Number(process.argv[3] ?? 50)
const topics = ['orders', 'customers', 'clicks', 'payments']
const partitionsPerTopic = new Map(topics.map((topic) => [topic, Math.ceil(taskCount / 3)]))
/** Two that have state, and one that has none. */
const subTopologies = [['orders', 'customers'], ['clicks'], ['payments']]

/** @param {ReadonlyMap<string, number>} counts */
function tasks(counts) {
  return subTopologies.flatMap((read, subTopology) =>
    Array.from({ length: counts.get(read[0]) ?? 0 }, (_, partition) => ({
      id: `${subTopology}_${partition}`,
      subTopology,
      partitions: read.map((topic) => ({ topic, partition })),
      isStateful: subTopology !== 1,
    })),
  )
}

/** @param {number} index */
function join(index) {
  const lags = new Map()
  const assignor = taskAssignor({
    tasks,
    fingerprint: 'a',
    processId: `process-${index}`,
    lags: () => lags,
    standbys: 1,
    maxLag: 10_000,
    assigned({ active, standby, warmup }) {
      for (const id of [...active, ...standby]) if (!id.startsWith('1_')) lags.set(id, 0)
      for (const id of warmup) lags.set(id, 1_000_000)
    },
  })
  return { memberId: `member-${index}`, assignor, ownedPartitions: [], generation: -1 }
}

let generation = 0
/** @param {string} what */
function round(what) {
  const subscriptions = members.map(({ memberId, assignor, ...rest }) => {
    const about = { topics, ownedPartitions: rest.ownedPartitions }
    const userData = assignor.userData(about)
    return { memberId, groupInstanceId: null, ...about, generation: rest.generation, userData }
  })
  const start = performance.now()
  const cpu = process.cpuUsage()
  const given = members[0].assignor.assign({ members: subscriptions, partitionsPerTopic })
  const { user, system } = process.cpuUsage(cpu)
  const took = `${(performance.now() - start).toFixed(0)} ms, ${((user + system) / 1000).toFixed(0)} ms of CPU`
  generation++
  for (const member of members) {
    const { partitions, userData } = given.get(member.memberId)
    member.assignor.onAssignment({ memberId: member.memberId, generation, partitions, userData })
    member.ownedPartitions = partitions
    member.generation = generation
  }
  const bytes = subscriptions.reduce((sum, one) => sum + one.userData.length, 0)
  console.log(`${what}: ${took}; members said ${bytes} bytes`)
}

let members = [join(0)]
round('the first member gets all')
members.push(...Array.from({ length: memberCount - 1 }, (_, index) => join(index + 1)))
round('all others join: state is to be warmed up')
round('nothing has changed')
members = Array.from({ length: memberCount }, (_, index) => join(index))
round('all join at once')
round('nothing has changed')
members.pop()
round('one has left')
members.push(join(memberCount))
round('a new one joins')
round('what was given up is given')
