/**
 * How a process guest learns about itself: a metadata service on a Unix socket in its folder, and a folder of files when it was given a config
 * drive. It finds both by its environment. The sockets are opened again by whichever agent comes next.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Env } from '../../../kernel/env.ts'
import { configDrive } from '../../config-drive.ts'
import type { GuestSpec, MetadataDoor } from '../../driver.ts'
import { guestData, lookUp } from '../../guest-data.ts'

/** Longest path of a Unix socket that Linux takes, in bytes. */
const MAX_SOCKET_PATH = 107

/** Where the host listens for the agent of a guest, in the guest's folder. */
export const AGENT_SOCKET = 'agent.sock'
/** A folder for what the guest writes: there as long as the guest, and empty after a rebuild. */
export const GUEST_DISK = 'disk'

export interface GuestDoors {
  /** Opens the service of a guest and writes its config drive anew; `environment` is what the guest is told of them. */
  open(spec: GuestSpec, home: string): Promise<Readonly<Record<string, string>>>
  /** Opens the service of a guest that an earlier agent has launched; one that cannot be opened is said in the log. */
  reopen(spec: GuestSpec, home: string): Promise<void>
  close(instance: string): Promise<void>
  closeAll(): Promise<void>
}

export interface DoorsOptions {
  readonly env: Pick<Env, 'log'>
  /** Absent: there is no metadata service. */
  readonly door?: MetadataDoor | undefined
  /** Takes a password that a guest leaves; resolves to the status it is answered with. */
  readonly leavePassword?: ((instance: string, password: string) => Promise<number>) | undefined
}

export function createGuestDoors({ env, door, leavePassword }: DoorsOptions): GuestDoors {
  const open = new Map<string, { close(): Promise<void> }>()

  async function close(instance: string): Promise<void> {
    const known = open.get(instance)
    open.delete(instance)
    await known?.close()
  }

  async function serve(spec: GuestSpec, path: string): Promise<boolean> {
    await close(spec.instance)
    if (!door) return false
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
      env.log.warn({ path }, 'the path of a socket would be too long: this guest has no metadata service; choose a data folder with a shorter path')
      return false
    }
    const data = guestData(spec)
    const keyName = spec.about?.keyPair?.name
    const opened = await door.open(path, {
      read: url => lookUp(data, url, keyName),
      leavePassword: password => leavePassword?.(spec.instance, password) ?? Promise.resolve(404),
    })
    open.set(spec.instance, opened)
    return true
  }

  return {
    async open(spec, home) {
      await mkdir(home, { recursive: true, mode: 0o700 })
      const socket = socketIn(home)
      const drive = join(home, 'config-drive')
      const served = await serve(spec, socket)
      if (spec.about?.configDrive) await writeDrive(drive, spec)
      await mkdir(join(home, GUEST_DISK), { recursive: true, mode: 0o700 })
      const agent: Record<string, string> = spec.agent ? { BATON_AGENT_SOCKET: join(home, AGENT_SOCKET) } : {}
      return {
        BATON_GUEST_DISK: join(home, GUEST_DISK),
        ...agent,
        ...(served ? { BATON_METADATA_SOCKET: socket } : {}),
        ...(spec.about?.configDrive ? { BATON_CONFIG_DRIVE: drive } : {}),
      }
    },
    async reopen(spec, home) {
      try {
        await mkdir(home, { recursive: true, mode: 0o700 })
        await serve(spec, socketIn(home))
      } catch (error) {
        env.log.warn({ instance: spec.instance, error }, 'the metadata service of a guest could not be opened again')
      }
    },
    close,
    async closeAll() {
      await Promise.all([...open.keys()].map(close))
    },
  }
}

const socketIn = (home: string): string => join(home, 'metadata.sock')

async function writeDrive(folder: string, spec: GuestSpec): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  for (const [path, content] of configDrive(spec).files) {
    const file = join(folder, path)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, content, { mode: 0o600 })
  }
}
