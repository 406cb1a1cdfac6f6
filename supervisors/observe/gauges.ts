/** What a process says of itself: processor time, event-loop lag and memory, as plain numbers since the last look. */
import { statfs } from 'node:fs'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

export interface Figures {
  readonly cpu: number
  /** Share of the time in which the event loop had something to do; on a machine without processor time to give, it is far above `cpu`. */
  readonly busy: number
  readonly lagMs: number
  readonly rssMb: number
  /** Absent when that cannot be told. */
  readonly diskFree?: number
}

export interface ProcessGauges {
  /**
   * Since the last look: share of one core used, share of the time in which the event loop was busy, 99th percentile of its lag in ms. And
   * resident memory in MB, and the share of the disk of `folder` that is free.
   */
  read(): Figures
  stop(): void
}

/** Without `folder` nothing is said of a disk. */
export function processGauges(folder?: string): ProcessGauges {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  let usage = process.cpuUsage()
  let atMs = performance.now()
  const disk = diskGauge(folder)
  let loop = performance.eventLoopUtilization()
  let last: Figures = { cpu: 0, busy: 0, lagMs: 0, rssMb: 0 }
  return {
    read() {
      const nowMs = performance.now()
      if (nowMs - atMs < 500) return last
      const used = process.cpuUsage(usage)
      const cpu = (used.user + used.system) / 1000 / (nowMs - atMs)
      usage = process.cpuUsage()
      atMs = nowMs
      // The histogram holds the intervals themselves, so its own resolution is taken off.
      const lagMs = Math.max(0, delay.percentile(99) / 1e6 - 20)
      delay.reset()
      const { utilization } = performance.eventLoopUtilization(loop)
      loop = performance.eventLoopUtilization()
      const shares = { cpu: Math.round(cpu * 100) / 100, busy: Math.round(utilization * 100) / 100 }
      const process_ = { ...shares, lagMs: Math.round(lagMs), rssMb: Math.round(process.memoryUsage.rss() / 1e6) }
      last = { ...process_, ...disk() }
      return last
    },
    stop: () => delay.disable(),
  }
}

/** Looks without waiting: a file system that hangs must not hang its node. What is told is what the look before has found. */
function diskGauge(folder: string | undefined): () => Pick<Figures, 'diskFree'> {
  let found: Pick<Figures, 'diskFree'> = {}
  let looking = false
  return () => {
    if (folder === undefined || looking) return found
    looking = true
    statfs(folder, (error, disk) => {
      looking = false
      // A folder that is not there yet says nothing.
      found = error || disk.blocks === 0 ? {} : { diskFree: Math.floor((100 * disk.bavail) / disk.blocks) / 100 }
    })
    return found
  }
}
