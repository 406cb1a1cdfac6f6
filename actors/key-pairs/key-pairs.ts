/**
 * The key pairs of one user. They are one actor, so that a name is taken once and a limit holds whatever is asked at the same time; it
 * keeps public halves only. What an instance was created with it keeps itself, so a key pair can be deleted at any time.
 */
import { anyOf, checkObject, integer, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse } from '../kernel/define.ts'
import type { KeyPairBody } from './body.ts'

/** Whatever the quota says, a user's keys stay something that can be read at once. */
export const MAX_KEY_PAIRS = 1000

interface Kept extends Omit<KeyPairBody, 'user'> {
  /** By it a request that comes again is known. */
  readonly requestId: string
}

interface KeyPairsState {
  readonly pairs: Readonly<Record<string, Kept>>
}

type KeyPairsCommand =
  /** `max`: how many the user may have, below 0 for no limit. */
  | { readonly method: 'add'; readonly args: Omit<Kept, 'createdAt'> & { readonly max: number } }
  | { readonly method: 'remove'; readonly args: { readonly name: string } }
  | { readonly method: 'get'; readonly args: { readonly name: string } }
  | { readonly method: 'list'; readonly args: unknown }

type KeyPairsEvent = { readonly type: 'added'; readonly pair: Omit<Kept, 'createdAt'> } | { readonly type: 'removed'; readonly name: string }

type D = Decision<KeyPairsState, KeyPairsEvent>

const bodyOf = ({ requestId: _, ...pair }: Kept, user: string): KeyPairBody => ({ ...pair, user })

const find = (state: KeyPairsState, name: string): Kept | undefined => (Object.hasOwn(state.pairs, name) ? state.pairs[name] : undefined)

function decide(state: KeyPairsState, command: KeyPairsCommand, { id: user }: DecideContext): D {
  switch (command.method) {
    case 'add': {
      const { max, ...pair } = command.args
      const known = find(state, pair.name)
      const reply = (s: KeyPairsState) => {
        const kept = find(s, pair.name)
        return kept ? bodyOf(kept, user) : null
      }
      if (known) return known.requestId === pair.requestId ? accept([], reply) : refuse('Conflict', `key pair '${pair.name}' already exists`)
      const count = Object.keys(state.pairs).length
      const limit = max < 0 ? MAX_KEY_PAIRS : Math.min(max, MAX_KEY_PAIRS)
      if (count >= limit) return refuse('QuotaExceeded', `quota exceeded for key_pairs: ${user} has ${count} of ${limit}; delete one first`)
      return accept([{ type: 'added', pair }], reply)
    }
    case 'remove':
      return find(state, command.args.name) ? accept([{ type: 'removed', name: command.args.name }]) : missing(command.args.name, user)
    case 'get': {
      const pair = find(state, command.args.name)
      return pair ? accept([], () => bodyOf(pair, user)) : missing(command.args.name, user)
    }
    case 'list':
      return accept([], s => Object.values(s.pairs).map(pair => bodyOf(pair, user)))
  }
}

const missing = (name: string, user: string): D => refuse('NotFound', `key pair ${name} of user ${user} could not be found`)

function evolve(state: KeyPairsState, event: KeyPairsEvent, at: number): KeyPairsState {
  if (event.type === 'removed') return { pairs: Object.fromEntries(Object.entries(state.pairs).filter(([name]) => name !== event.name)) }
  // Names come from people: `__proto__` must be a name like any other.
  return { pairs: Object.fromEntries([...Object.entries(state.pairs), [event.pair.name, { ...event.pair, createdAt: at }]]) }
}

const name = text(255)

export const keyPairsActor = defineActor<KeyPairsState, KeyPairsCommand, KeyPairsEvent>({
  kind: 'key-pairs',
  version: 1,
  methods: {
    add: {
      check: checkObject({
        name,
        type: anyOf('ssh', 'x509'),
        publicKey: text(65_535),
        fingerprint: text(128),
        requestId: text(128),
        max: integer(-1, Number.MAX_SAFE_INTEGER),
      }),
    },
    remove: { check: checkObject({ name }) },
    get: { check: checkObject({ name }), reads: true },
    list: { reads: true },
  },
  initial: () => ({ pairs: {} }),
  decide,
  evolve,
  work: () => [],
  view: () => null,
  finished: () => false,
})
