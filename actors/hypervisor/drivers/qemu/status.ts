/** What QEMU's word for the state of a machine (`query-status`) says about the power of the guest, and what is told of it on its console. Pure. */
import type { PowerState } from '../../driver.ts'

/** RunState of QEMU 7.2, all of it. Machines are started with `-no-shutdown`: off is a state, not the end of the process. */
const POWER: Readonly<Record<string, PowerState>> = {
  running: 'running',
  // The guest sleeps by itself (S3).
  suspended: 'running',
  // Made, and not yet told to run: of a launch that was cut short, or of one under way.
  prelaunch: 'shutdown',
  inmigrate: 'suspended',
  postmigrate: 'suspended',
  'finish-migrate': 'paused',
  'save-vm': 'paused',
  'restore-vm': 'paused',
  paused: 'paused',
  debug: 'paused',
  // The disk of the host is full, or broken: the guest stands still and goes on with `unpause`.
  'io-error': 'paused',
  shutdown: 'shutdown',
  'guest-panicked': 'crashed',
  'internal-error': 'crashed',
  watchdog: 'crashed',
  colo: 'running',
}

/** A machine that says something else, or nothing, is there all the same. */
export const powerOf = (status: string | null): PowerState =>
  status !== null && Object.hasOwn(POWER, status) ? (POWER[status] ?? 'running') : 'running'

/** It has its memory, and a processor to go on with. */
export const isOn = (power: PowerState): boolean => power === 'running' || power === 'paused'

/** What an event means to whoever reads the console; null for what says nothing. */
export function lineOfEvent(name: string, data: Readonly<Record<string, unknown>>): string | null {
  switch (name) {
    case 'SHUTDOWN':
      // Whoever told the process to end says why.
      if (data.reason === 'host-qmp-quit') return null
      return data.guest === true ? 'power: off, by the guest itself' : 'power: off'
    case 'BLOCK_IO_ERROR':
      return data.nospace === true
        ? 'paused: the disk of the host is full; make room there, then unpause'
        : `paused: a disk could not be ${data.operation === 'read' ? 'read' : 'written'}; unpause tries again`
    case 'GUEST_PANICKED':
      return 'crashed: the system of the guest has panicked'
    default:
      return null
  }
}
