/** A durable actor in a test's hand: commands go in, answers and work come out, and every event comes back from a journal of JSON text. */
import { isDeepStrictEqual } from 'node:util'
import {
  type ActorDefinition,
  type ActorEvent,
  applyCommand,
  type CallWork,
  type Command,
  type Sender,
  type Work,
} from '../../actors/kernel/define.ts'
import type { ErrorCode } from '../../actors/kernel/errors.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

export interface Held {
  now: number
  /** Who sends the next commands; a conductor unless said otherwise. */
  from: Sender
  /** The reply. Throws the fault of a refusal. */
  send(method: string, args?: unknown): unknown
  /** The code of the refusal, or `ok`. */
  code(method: string, args?: unknown): ErrorCode | 'ok'
  work(): readonly Work[]
  /** The call it waits for. */
  call(): CallWork
  answer(value?: unknown): void
  refuse(code: ErrorCode): void
  /** Delivers its timer when that is due. */
  due(): void
  row(): { readonly columns: object; readonly body: object } | null
  finished(): boolean
}

export function hold<S, C extends Command, E extends ActorEvent>(actor: ActorDefinition<S, C, E>, id: string): Held {
  const journal: { text: string; at: number }[] = []
  let state = actor.initial(id)

  const held: Held = {
    now: 1_000_000,
    from: { role: 'conductor', node: 'c1' },
    send(method, args = {}) {
      const wrong = actor.methods[method]?.check?.(args)
      if (wrong) throw new BatonError('BadRequest', wrong)
      const context = { id, now: held.now, from: held.from }
      const done = applyCommand(actor, state, { method, args } as unknown as C, context)
      for (const event of done.events) journal.push({ text: JSON.stringify(event), at: held.now })
      const again = journal.reduce((s, { text, at }) => actor.evolve(s, JSON.parse(text) as E, at), actor.initial(id))
      if (!isDeepStrictEqual(again, done.state)) throw new Error('the state after a crash differs')
      state = again
      return done.reply
    },
    code(method, args) {
      try {
        held.send(method, args)
        return 'ok'
      } catch (error) {
        if (error instanceof BatonError) return error.code
        throw error
      }
    },
    work: () => actor.work(state, id),
    call() {
      const [call] = actor.work(state, id).filter(w => w.type === 'call')
      if (call?.type !== 'call') throw new Error('it waits for no answer')
      return call
    },
    answer: (value = null) => void held.send('@result', { key: held.call().key, ok: true, value }),
    refuse: code => void held.send('@result', { key: held.call().key, ok: false, fault: { code, message: 'refused' } }),
    due() {
      const timer = actor.work(state, id).find(w => w.type === 'timer')
      if (timer?.type !== 'timer') throw new Error('it has no timer')
      held.now = Math.max(held.now, timer.at)
      held.send('@timer', { key: timer.key })
    },
    row: () => actor.view(state, id),
    finished: () => actor.finished(state),
  }
  return held
}
