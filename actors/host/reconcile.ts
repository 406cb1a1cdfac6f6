/**
 * What a host says is running against what the views say should be: pure. It decides nothing, it only finds what to ask
 * the owners of the instances about; each instance actor answers for its own.
 */
import type { InstanceBody } from '../api.ts'
import type { GuestReport } from '../hypervisor/hypervisor.ts'

export type Question =
  /** The guest is here, but not as believed, or its instance is believed elsewhere, deleted or unknown. */
  | { readonly ask: 'guestSeen'; readonly instance: string; readonly guest: GuestReport }
  /** The instance is believed here, but there is no such guest. */
  | { readonly ask: 'guestMissing'; readonly instance: string }

/** A row changed more recently than this is left for the next look: report and row may be of different moments. Ms. */
export const SETTLE_MS = 5000

export function compareGuests(host: string, guests: readonly GuestReport[], rows: readonly InstanceBody[], now: number): Question[] {
  const believed = new Map(rows.map(row => [row.id, row]))
  const reported = new Set(guests.map(g => g.instance))
  const settled = (row: InstanceBody): boolean => row.operation === null && now - row.updatedAt >= SETTLE_MS
  const questions: Question[] = []
  for (const guest of guests) {
    const row = believed.get(guest.instance)
    const asBelieved = row !== undefined && row.host === host && row.vmState !== 'deleted' && row.powerState === guest.power && !fell(row)
    if (!asBelieved && (row === undefined || settled(row))) questions.push({ ask: 'guestSeen', instance: guest.instance, guest })
  }
  for (const row of rows) {
    const expected = row.host === host && row.vmState !== 'deleted' && row.vmState !== 'error' && row.vmState !== 'building'
    if (expected && settled(row) && !reported.has(row.id)) questions.push({ ask: 'guestMissing', instance: row.id })
  }
  return questions
}

/** Called active and known to be off: its owner has still to make something of that. */
const fell = ({ vmState, powerState }: InstanceBody): boolean => vmState === 'active' && (powerState === 'shutdown' || powerState === 'crashed')
