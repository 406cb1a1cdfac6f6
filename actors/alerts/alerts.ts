/**
 * The alerts of a cluster, as one actor: which fire, which are over, and what the webhook has not heard yet. That an alert fires is decided
 * where this actor lives, by whoever watches there (`supervisors/alerts/`), and written down here: so it fires once and is over once, whatever
 * conductors come and go, and what the webhook is to hear is work that follows from the state and survives with it. Nothing is written while
 * nothing changes.
 */
import { anyOf, checkObject, listOf, text } from '../kernel/check.ts'
import { accept, type CallWork, defineActor, type WorkResult } from '../kernel/define.ts'
import { minutes, seconds } from '../kernel/env.ts'
import type { AlertBody, AlertsBody, Notification } from './body.ts'
import { alertKey, type Firing } from './judge.ts'

/** There is one, under this id. */
export const CLUSTER = 'cluster'

export const ALERT_LIMITS = { firing: 400, ended: 200, outbox: 200, changes: 1000, message: 1000 } as const
/** Attempts to tell the webhook one thing: with these pauses about an hour. */
export const ATTEMPTS = 12
const FIRST_PAUSE_MS = seconds(2)
const LONGEST_PAUSE_MS = minutes(10)

/** Pause before the next attempt, ms, after so many in vain. */
export const pauseMs = (attempts: number): number => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempts - 1))

interface Waiting extends Notification {
  readonly notBefore: number
}

interface AlertsState {
  /** By `alertKey`. */
  readonly firing: Readonly<Record<string, AlertBody>>
  /** The newest first. */
  readonly ended: readonly AlertBody[]
  readonly count: number
  /** What the webhook is to hear, in order; only the first is tried. */
  readonly outbox: readonly Waiting[]
  readonly delivered: number
  readonly givenUp: number
  readonly failure: AlertsBody['webhook']['failure']
}

type AlertsCommand =
  | { readonly method: 'change'; readonly args: { readonly fire: readonly Firing[]; readonly clear: readonly string[] } }
  | { readonly method: 'list'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: WorkResult }

type AlertsEvent =
  | { readonly type: 'fired'; readonly alert: Firing; readonly notify: boolean }
  | { readonly type: 'cleared'; readonly key: string; readonly notify: boolean }
  | { readonly type: 'delivered'; readonly id: string }
  | { readonly type: 'notDelivered'; readonly id: string; readonly message: string }
  | { readonly type: 'givenUp'; readonly id: string; readonly message: string }

const workKey = ({ id, attempt }: Notification): string => `webhook ${id} ${attempt}`

const ORDER = { critical: 0, warning: 1 } as const

function bodyOf({ firing, ended, outbox, delivered, givenUp, failure }: AlertsState): AlertsBody {
  return {
    firing: Object.values(firing).toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity] || b.id - a.id),
    ended,
    webhook: { waiting: outbox.length, delivered, givenUp, failure },
  }
}

/** `notifies`: there is a webhook. */
export const alertsActor = ({ notifies }: { readonly notifies: boolean }) =>
  defineActor<AlertsState, AlertsCommand, AlertsEvent>({
    kind: 'alerts',
    version: 1,
    methods: {
      change: {
        check: checkObject({
          fire: listOf(
            checkObject({
              ...{ code: text(64), subject: text(300), message: text(ALERT_LIMITS.message), remedy: text(ALERT_LIMITS.message) },
              severity: anyOf('warning', 'critical'),
            }),
            ALERT_LIMITS.changes,
          ),
          clear: listOf(text(400), ALERT_LIMITS.changes),
        }),
      },
      list: { reads: true },
    },
    initial: () => ({ firing: {}, ended: [], count: 0, outbox: [], delivered: 0, givenUp: 0, failure: null }),
    decide(state, command) {
      switch (command.method) {
        case 'list':
          return accept([], bodyOf)
        case 'change': {
          const { fire, clear } = command.args
          const gone = clear.filter(key => Object.hasOwn(state.firing, key))
          // Said twice is said once: whoever judged did so on an older state.
          const room = ALERT_LIMITS.firing - Object.keys(state.firing).length + gone.length
          const fresh = fire.filter(({ code, subject }) => !Object.hasOwn(state.firing, alertKey(code, subject))).slice(0, room)
          return accept(
            [
              ...gone.map((key): AlertsEvent => ({ type: 'cleared', key, notify: notifies })),
              ...fresh.map((alert): AlertsEvent => ({ type: 'fired', alert, notify: notifies })),
            ],
            bodyOf,
          )
        }
        case '@result': {
          const [head] = state.outbox
          if (!head || workKey(head) !== command.args.key) return accept([])
          if (command.args.ok) return accept([{ type: 'delivered', id: head.id }])
          const message = command.args.fault?.message ?? 'it failed'
          return accept([{ type: head.attempt + 1 >= ATTEMPTS ? 'givenUp' : 'notDelivered', id: head.id, message }])
        }
      }
    },
    evolve(state, event, at) {
      switch (event.type) {
        case 'fired': {
          const alert: AlertBody = { ...event.alert, id: state.count + 1, firedAt: at, clearedAt: null }
          const firing = { ...state.firing, [alertKey(alert.code, alert.subject)]: alert }
          return told({ ...state, firing, count: alert.id }, event.notify, 'fired', alert, at)
        }
        case 'cleared': {
          const { [event.key]: was, ...firing } = state.firing
          if (!was) return state
          const alert = { ...was, clearedAt: at }
          return told({ ...state, firing, ended: [alert, ...state.ended].slice(0, ALERT_LIMITS.ended) }, event.notify, 'cleared', alert, at)
        }
        case 'delivered':
          return { ...state, outbox: state.outbox.slice(1), delivered: state.delivered + 1, failure: null }
        case 'givenUp':
          return { ...state, outbox: state.outbox.slice(1), givenUp: state.givenUp + 1, failure: { at, attempts: ATTEMPTS, message: event.message } }
        case 'notDelivered': {
          const [head, ...rest] = state.outbox
          if (!head) return state
          const attempt = head.attempt + 1
          const outbox = [{ ...head, attempt, notBefore: at + pauseMs(attempt) }, ...rest]
          return { ...state, outbox, failure: { at, attempts: attempt, message: event.message } }
        }
      }
    },
    work({ outbox: [head] }): readonly CallWork[] {
      if (!head || !notifies) return []
      const { notBefore, ...notification } = head
      return [{ type: 'call', key: workKey(head), to: { kind: 'webhook', id: 'local' }, method: 'deliver', args: notification, notBefore }]
    },
    view: () => null,
    finished: () => false,
  })

/** The state with one thing more to tell. The first is being told just now, so it is the one after it that makes room. */
function told(state: AlertsState, notify: boolean, kind: Notification['kind'], alert: AlertBody, at: number): AlertsState {
  if (!notify) return state
  const outbox = [...state.outbox, { id: `${alert.id}.${kind}`, kind, alert, attempt: 0, notBefore: at }]
  if (outbox.length <= ALERT_LIMITS.outbox) return { ...state, outbox }
  return { ...state, outbox: outbox.filter((_, i) => i !== 1), givenUp: state.givenUp + 1 }
}
