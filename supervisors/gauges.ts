/** What a process says of itself: processor time, event-loop lag and memory, as plain numbers since the last look. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

export interface ProcessGauges {
  /** Share of one core used since the last look, 99th percentile of event-loop lag in ms, resident memory in MB. */
  read(): { cpu: number; lagMs: number; rssMb: number }
  stop(): void
}

export function processGauges(): ProcessGauges {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  let usage = process.cpuUsage()
  let atMs = performance.now()
  let last = { cpu: 0, lagMs: 0, rssMb: 0 }
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
      last = { cpu: Math.round(cpu * 100) / 100, lagMs: Math.round(lagMs), rssMb: Math.round(process.memoryUsage.rss() / 1e6) }
      return last
    },
    stop: () => delay.disable(),
  }
}
