/**
 * What a fake guest has in memory, and how long it takes to send that elsewhere: pure.
 *
 * The memory is a counter: ten ticks a second while the guest runs. It stands still while the guest is paused, suspended or between two
 * hosts, is gone when the guest is off, and starts again with a boot. So whoever reads it sees whether a guest was carried or
 * was only started again.
 *
 * A transfer sends the disk first, if that is copied, then the memory, at a steady rate, while the guest makes memory dirty at another.
 * What is left falls by the difference; a guest that writes faster than the line carries never converges, unless it is paused.
 */
import type { GuestSpec } from '../driver.ts'
import type { TransferProgress } from '../migration.ts'
import type { FakeGuest, FakeMemory, FakeOutgoing } from './records.ts'

const TICK_MS = 100
const MIB = 1024 ** 2
const GIB = 1024 ** 3
/** What can be sent in this time is sent while the guest stands still, ms. */
const DOWNTIME_MS = 50

/** Rates of transfers, settable per instance by `fake:migrate_bytes_per_s` and `fake:dirty_bytes_per_s` in its metadata. */
export interface TransferRates {
  readonly bytesPerS: number
  readonly dirtyBytesPerS: number
}

export const DEFAULT_RATES: TransferRates = { bytesPerS: 4 * GIB, dirtyBytesPerS: 64 * MIB }

export const bootedMemory = (boot: number, nowMs: number): FakeMemory => ({ boot, ticks: 0, sinceMs: nowMs })

export const ticksAt = ({ ticks, sinceMs }: FakeMemory, nowMs: number): number =>
  sinceMs === null ? ticks : ticks + Math.max(0, Math.floor((nowMs - sinceMs) / TICK_MS))

export const frozen = (memory: FakeMemory, nowMs: number): FakeMemory => ({ ...memory, ticks: ticksAt(memory, nowMs), sinceMs: null })

export const thawed = (memory: FakeMemory, nowMs: number): FakeMemory => ({ ...memory, sinceMs: memory.sinceMs ?? nowMs })

/** A guest whose machine lost power, or whose watchdog ended it: only what is on disk stays, and nothing of it is sent any more. */
export function withoutPower({ memory, outgoing: _, incoming: __, ...guest }: FakeGuest): FakeGuest {
  return guest.power === 'suspended' && memory ? { ...guest, memory } : { ...guest, power: guest.power === 'suspended' ? 'suspended' : 'shutdown' }
}

export function beginTransfer(guest: FakeGuest, copyDisk: boolean, rates: TransferRates, nowMs: number): FakeOutgoing {
  const { metadata, ramMb, diskGb } = guest.spec
  const power = guest.power === 'paused' ? 'paused' : 'running'
  return {
    startedMs: nowMs,
    forcedMs: null,
    memoryBytes: ramMb * MIB,
    diskBytes: copyDisk ? diskGb * GIB : 0,
    bytesPerS: told(metadata, 'fake:migrate_bytes_per_s', rates.bytesPerS),
    dirtyBytesPerS: power === 'paused' ? 0 : told(metadata, 'fake:dirty_bytes_per_s', rates.dirtyBytesPerS),
    power,
    handed: null,
  }
}

function told(metadata: GuestSpec['metadata'], key: string, otherwise: number): number {
  const value = Number(metadata[key] ?? Number.NaN)
  return Number.isFinite(value) && value >= 0 ? value : otherwise
}

export function progressOf(transfer: FakeOutgoing, nowMs: number): TransferProgress & { readonly convergesInMs: number } {
  const { startedMs, forcedMs, memoryBytes, diskBytes, bytesPerS, dirtyBytesPerS, handed } = transfer
  const budget = (bytesPerS * DOWNTIME_MS) / 1000
  const rate = bytesPerS / 1000
  const sent = Math.max(0, nowMs - startedMs) * rate
  const disk = Math.min(diskBytes, sent)
  const memorySince = startedMs + (rate > 0 ? diskBytes / rate : Number.POSITIVE_INFINITY)
  // A page that is dirty twice is left once, so no more is left than there is.
  const leftAt = (ms: number) => clamp(memoryBytes - Math.max(0, ms - memorySince) * (rate - dirtyBytesPerS / 1000), memoryBytes)
  const paused = forcedMs !== null && forcedMs < nowMs
  const open = paused ? clamp(leftAt(forcedMs) - Math.max(0, nowMs - Math.max(forcedMs, memorySince)) * rate, memoryBytes) : leftAt(nowMs)
  const left = handed ? 0 : open
  const netRate = rate - (forcedMs === null ? dirtyBytesPerS / 1000 : 0)
  const memoryMs = netRate > 0 ? Math.max(0, left - budget) / netRate : Number.POSITIVE_INFINITY
  const converged = handed !== null || (disk >= diskBytes && left <= budget)
  return {
    converged,
    memoryTotalBytes: memoryBytes,
    memoryProcessedBytes: Math.round(Math.max(0, sent - disk)),
    memoryRemainingBytes: Math.round(left),
    diskTotalBytes: diskBytes,
    diskProcessedBytes: Math.round(disk),
    diskRemainingBytes: Math.round(diskBytes - disk),
    convergesInMs: converged ? 0 : Math.max(0, memorySince - nowMs) + memoryMs,
  }
}

const clamp = (bytes: number, most: number): number => Math.min(most, Math.max(0, bytes))

/** Time the rest takes while the guest stands still, ms. */
export const downtimeMs = (transfer: FakeOutgoing, nowMs: number): number =>
  (progressOf(transfer, nowMs).memoryRemainingBytes / Math.max(1, transfer.bytesPerS)) * 1000
