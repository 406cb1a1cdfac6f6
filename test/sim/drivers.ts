/** How long simulated drivers take, and how often they fail. */
import type { DriverMethod } from '../../actors/hypervisor/drivers/rules.ts'

export type Latencies = Readonly<Partial<Record<DriverMethod, readonly [min: number, max: number]>>>
export type Failures = Readonly<Partial<Record<DriverMethod, number>>>

/** Ms from and to. */
const LATENCY_MS = {
  ...{ spawn: [5, 400], destroy: [1, 50], stop: [1, 100], start: [1, 100], reboot: [1, 100], receive: [5, 400], rebuild: [5, 200] },
  ...{ snapshot: [5, 800], setDevices: [1, 200] },
  ...{ prepareIncoming: [5, 300], migrateOut: [1, 50], handOver: [1, 100], finishIncoming: [1, 100] },
} satisfies Latencies
/** Probabilities. */
const FAILURE = {
  ...{ spawn: 0.02, receive: 0.05, rebuild: 0.02, rescue: 0.05, snapshot: 0.05, setDevices: 0.05 },
  ...{ prepareIncoming: 0.05, migrateOut: 0.03, handOver: 0.05, finishIncoming: 0.05 },
} satisfies Failures

/** `pace`: how many times as long as usual. */
export const latencies = (pace: number): Latencies =>
  Object.fromEntries(Object.entries(LATENCY_MS).map(([method, [min, max]]) => [method, [min * pace, max * pace]]))

/** `flaky`: how many times as often as usual. */
export const failures = (flaky: number): Failures =>
  Object.fromEntries(Object.entries(FAILURE).map(([method, probability]) => [method, probability * flaky]))
