/** One end of a remote console as a gateway has it; `supervisors/remote-consoles.ts` makes them. */
import type { ConsoleOpened } from '../../actors/api.ts'

/** What a console tells of. After `end` nothing comes any more. */
export interface ConsoleEvents {
  bytes(bytes: Uint8Array): void
  /** So many bytes were written meanwhile and are not kept any more. */
  missed(count: number): void
  /** Whether what is typed here reaches the guest. */
  writer(isWriter: boolean): void
  end(why: string): void
  /** Resolves when there is room for more bytes: until then none are fetched. */
  room(): Promise<void>
}

export interface RemoteConsole {
  readonly opened: ConsoleOpened
  write(bytes: Uint8Array): void
  /** Bytes written here that the host has not taken yet. */
  unsent(): number
  /** Takes the keyboard. */
  take(): void
  close(): void
}

export interface RemoteConsoles {
  /** Rejects `NotFound` for a token that is none, was used or has expired, `DriverFault` when the guest is off. Good once. */
  open(token: string, on: ConsoleEvents): Promise<RemoteConsole>
}
