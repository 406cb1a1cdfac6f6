/** A stream of a guest, followed: what a test reads of its serial line or its screen. */
import type { GuestStream, HypervisorDriver, StreamKind } from '../../actors/hypervisor/driver.ts'
import { eventually } from './driver-contract.ts'

export interface Followed {
  readonly stream: GuestStream
  bytes(): Buffer
  text(): string
  /** Why it ended, or null while it goes on. */
  ended(): string | null
  /** Resolves with all that came when there are so many bytes. */
  until(length: number): Promise<Buffer>
}

/** Rejects as the driver does when there is no such stream. */
export async function followStream(driver: HypervisorDriver, instance: string, kind: StreamKind): Promise<Followed> {
  const stream = await driver.openStream?.(instance, kind)
  if (!stream) throw new Error(`the driver opens no ${kind}`)
  const parts: Uint8Array[] = []
  let ended: string | null = null
  stream.start({
    bytes: bytes => parts.push(bytes),
    end(why) {
      ended = why
    },
  })
  const bytes = (): Buffer => Buffer.concat(parts)
  return {
    ...{ stream, bytes, text: () => bytes().toString('utf8'), ended: () => ended },
    until: length => eventually(`${length} bytes`, async () => bytes().length >= length && bytes()),
  }
}
