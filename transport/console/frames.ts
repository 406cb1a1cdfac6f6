/**
 * Updates as the bytes of messages, made once for all who are told the same: a thousand clients of a list cost one text, not a thousand.
 * An update is text already, row by row; here it is put together, cut into messages, and remembered for as long as somebody holds the update.
 *
 * What a message says beside the rows is the client's name for its subscription. Clients of one kind choose the same names, so few texts serve
 * many; who chooses others than all the rest has texts of its own.
 */
import type { Update } from './channel.ts'

/** Names of subscriptions whose texts of one update are remembered. */
const NAMES = 16

export interface Messages {
  /** One after the other, from 0; undefined behind the last. There is one at least. */
  at(index: number): Message | undefined
}

export interface Message {
  readonly bytes: Buffer
  /** Others follow that belong to the same version. */
  readonly more: boolean
}

export interface Frames {
  of(update: Update, id: string, epoch: string): Messages
}

/** `messageChars`: characters of rows in one message. A single row may be larger. */
export function createFrames(messageChars: number): Frames {
  const known = new WeakMap<Update, Map<string, Messages>>()

  return {
    of(update, id, epoch) {
      const byName = known.get(update) ?? new Map<string, Messages>()
      known.set(update, byName)
      const made = byName.get(id)
      if (made) return made
      const messages = update.type === 'items' ? whole(update, id, epoch) : cut(update, id, epoch)
      if (byName.size < NAMES) byName.set(id, messages)
      return messages
    },
  }

  function whole(update: Update & { readonly type: 'items' }, id: string, epoch: string): Messages {
    const { version, missed, items } = update
    const message = { bytes: joined({ type: 'items', id, epoch, version, missed }, 'items', items), more: false }
    return { at: index => (index === 0 ? message : undefined) }
  }

  /** Each message is made when the first client wants it: most large updates are on their way to few at a time. */
  function cut(update: Exclude<Update, { readonly type: 'items' }>, id: string, epoch: string): Messages {
    const { version, set } = update
    const made: Message[] = []
    let next = 0

    function make(): Message {
      const from = next
      for (let chars = 0; next < set.length && chars < messageChars; next++) chars += set[next]?.length ?? 0
      const more = next < set.length
      const kind = update.type === 'snapshot' ? { type: 'snapshot', id, epoch } : { type: 'delta', id, gone: from === 0 ? update.gone : [] }
      return { bytes: joined({ ...kind, version, more }, 'set', from === 0 && !more ? set : set.slice(from, next)), more }
    }

    return {
      at(index) {
        while (made.length <= index && (made.length === 0 || next < set.length)) made.push(make())
        return made[index]
      },
    }
  }
}

/** The texts are JSON already: they are put behind the other fields as they are. */
const joined = (head: object, name: string, texts: readonly string[]): Buffer =>
  Buffer.from(`${JSON.stringify(head).slice(0, -1)},"${name}":[${texts.join()}]}`)
