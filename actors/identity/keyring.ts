/**
 * The keys by which tokens are signed, as one actor: conductors sign with the newest, gateways know only the public halves. A key stays
 * known until no token of it can be alive. Whoever can read the journal can sign; that is who can also write it.
 */
import { checkObject, optional, text } from '../kernel/check.ts'
import { accept, defineActor } from '../kernel/define.ts'

export interface SigningKey {
  readonly id: string
  /** Ed25519, SPKI and PKCS #8 in base64. */
  readonly publicKey: string
  readonly privateKey: string
  /** Cluster time, ms. */
  readonly createdAt: number
}

interface KeyringState {
  /** Oldest first. */
  readonly keys: readonly SigningKey[]
}

type KeyringCommand =
  /** A new key; only taken when `after` is the newest there is, so that of several conductors one adds it. */
  | { readonly method: 'add'; readonly args: Omit<SigningKey, 'createdAt'> & { readonly after?: string } }
  | { readonly method: 'get'; readonly args: unknown }

type KeyringEvent = { readonly type: 'added'; readonly key: Omit<SigningKey, 'createdAt'> }

/** `tokenMs` is the life of a token. */
export const keyringActor = (tokenMs: number) =>
  defineActor<KeyringState, KeyringCommand, KeyringEvent>({
    kind: 'keyring',
    version: 1,
    methods: {
      add: { check: checkObject({ id: text(64), publicKey: text(1000), privateKey: text(1000), after: optional(text(64)) }) },
      get: { reads: true },
    },
    initial: () => ({ keys: [] }),
    decide(state, command) {
      const reply = (s: KeyringState) => s.keys
      if (command.method === 'get') return accept([], reply)
      const { after, ...key } = command.args
      return accept((state.keys.at(-1)?.id ?? null) === (after ?? null) ? [{ type: 'added', key }] : [], reply)
    },
    evolve(state, { key }, at) {
      // A key signs until its successor comes; a life of a token later nothing of it is valid.
      const alive = state.keys.filter((_, i) => (state.keys[i + 1]?.createdAt ?? at) + tokenMs > at)
      return { keys: [...alive, { ...key, createdAt: at }] }
    },
    work: () => [],
    view: () => null,
    finished: () => false,
  })
