/** How many files this process may have open at a time, sockets and pipes included (`ulimit -n`), and how many it has. */
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'

/** Where the system does not say: the C library of Windows has 8192, and some shells grant no more than 1024. */
const assumedLimit = 1024

/** Infinity where there is no limit. Node raises the soft limit to the hard one when it starts. */
export function openFilesLimit(): number {
  return limitOfLinux() ?? limitOfReport() ?? assumedLimit
}

/** Undefined where the system does not say. */
export async function openFilesCount(): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  const names = await readdir('/proc/self/fd').catch(() => undefined)
  // One of them is that of the look itself.
  return names && names.length - 1
}

function limitOfLinux(): number | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    return parseLimit(
      /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1],
    )
  } catch {
    return undefined
  }
}

/** Everywhere but on Windows; it takes milliseconds, and longer where it looks up the names of network peers. */
function limitOfReport(): number | undefined {
  const { report } = process as { report?: { excludeNetwork?: boolean; getReport(): object } }
  if (!report || process.platform === 'win32') return undefined
  const { excludeNetwork } = report
  report.excludeNetwork = true
  try {
    const { userLimits } = report.getReport() as {
      userLimits?: { open_files?: { soft?: number | string } }
    }
    return parseLimit(String(userLimits?.open_files?.soft))
  } catch {
    return undefined
  } finally {
    if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork
  }
}

function parseLimit(text: string | undefined): number | undefined {
  if (text === 'unlimited') return Number.POSITIVE_INFINITY
  const limit = Number(text)
  return limit > 0 ? limit : undefined
}
