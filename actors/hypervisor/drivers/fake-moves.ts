/**
 * Cold moves of fake guests whose disk is a file of their host (`fake:disk=local`): the source offers the lines of its disk, and the destination
 * takes as long over fetching them as a real disk of that size. What was begun goes on after a restart of either.
 */
import type { Json } from '../../kernel/define.ts'
import type { Env } from '../../kernel/env.ts'
import { BatonError } from '../../kernel/errors.ts'
import type { GuestSpec, HypervisorDriver } from '../driver.ts'
import type { TransferRates } from './fake-transfer.ts'
import type { Ledger } from './ledger.ts'
import type { FakeGuest } from './records.ts'
import { type DriverMethod, noGuest } from './rules.ts'

const GIB = 1024 ** 3

export interface FakeMovesParts {
  readonly env: Env
  /** The time that guests live in. */
  guestMs(): number
  readonly ledger: Ledger<FakeGuest>
  readonly rates: TransferRates
  /** Waits and fails as told. */
  endure(method: DriverMethod, metadata: GuestSpec['metadata']): Promise<void>
  fresh(spec: GuestSpec, order: number, method: DriverMethod, disk: readonly string[]): FakeGuest
}

const isLocal = ({ metadata }: GuestSpec): boolean => metadata['fake:disk'] === 'local'
const isText = (value: Json | undefined): value is string => typeof value === 'string'

/** The lines that a source offers. */
function offered(offer: Json): readonly string[] {
  const lines = Array.isArray(offer) ? offer.filter(isText) : null
  if (!lines) throw new BatonError('DriverFault', 'the source offers no fake guest')
  return lines
}

export function createFakeMoves({ env, guestMs, ledger, rates, endure, fresh }: FakeMovesParts) {
  const moves: Required<Pick<HypervisorDriver, 'checkMove' | 'offer' | 'fetch'>> = {
    async checkMove(spec, fetched) {
      const guest = (await ledger.guests()).get(spec.instance)
      if (!guest) throw noGuest(spec.instance)
      if (isLocal(guest.spec) && !fetched) throw new BatonError('DriverUnsupported', `the disk of guest ${spec.instance} would be gone with its host`)
    },
    async offer(instance, order) {
      await ledger.command('offer', instance, order, async guest => {
        if (!guest) throw noGuest(instance)
        if (guest.power !== 'shutdown' && guest.power !== 'crashed') throw new BatonError('DriverFault', `guest ${instance} is ${guest.power}`)
        await endure('offer', guest.spec.metadata)
        return { guest, effect: false }
      })
      const guest = (await ledger.guests()).get(instance)
      return guest && isLocal(guest.spec) ? [...(guest.disk ?? [])] : null
    },
    async fetch(spec, order, offer, waitMs) {
      const disk = offered(offer)
      const totalBytes = spec.diskGb * GIB
      let doneBytes = totalBytes
      await ledger.command('fetch', spec.instance, order, async before => {
        if (before?.power === 'running' || before?.power === 'paused')
          throw new BatonError('DriverFault', `guest ${spec.instance} is ${before.power} on this host already`)
        if (!before?.fetching) await endure('fetch', spec.metadata)
        const sinceMs = before?.fetching ?? guestMs()
        const leftMs = sinceMs + (totalBytes / rates.bytesPerS) * 1000 - guestMs()
        if (leftMs > 0) await new Promise<void>(resolve => env.setTimer(Math.min(leftMs, waitMs), resolve))
        doneBytes = Math.min(totalBytes, Math.max(0, ((guestMs() - sinceMs) / 1000) * rates.bytesPerS))
        // The clock of a guest has ms: what is left of one is nothing.
        if (leftMs <= waitMs) doneBytes = totalBytes
        return { guest: { ...fresh(spec, order, 'fetch', disk), fetching: sinceMs }, effect: !before?.fetching }
      })
      const done = doneBytes >= totalBytes
      const processed = Math.round(doneBytes)
      return { done, diskTotalBytes: totalBytes, diskProcessedBytes: processed, diskRemainingBytes: totalBytes - processed }
    },
  }
  return moves
}
