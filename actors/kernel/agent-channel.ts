/** The port under the contract of agents (`actors/guest/contract.ts`): lines to one agent and from it, over whatever leads to it. */

/** No line is longer, in either direction. */
export const MAX_LINE_BYTES = 64 * 1024

/** A way to one agent: opened by the driver for one in a guest, by a gateway's door for one outside. */
export interface GuestPipe {
  /** Resolves when the guest's side can take more. Rejects when there is no agent at the other end. */
  write(line: string): Promise<void>
  /** Stops reading, so that a guest that says too much has to wait. */
  pause(): void
  resume(): void
  close(): void
}

export interface GuestListener {
  /** Somebody is at the other end, from now on: nothing of before goes on. */
  began(): void
  bytes(chunk: Uint8Array): void
  ended(): void
}

/** How a driver leads to the agents of its guests, and a door to those that have come in. */
export interface GuestChannels {
  /** Rejects when there is no such guest, or no way to it. */
  open(instance: string, listener: GuestListener): Promise<GuestPipe>
}
