/**
 * The key pair of the doors for agents: one for all gateways, so that an agent that knows one door knows them all. It is made by whichever
 * conductor is asked first, and never changes, because every key file names its public half.
 */
import { checkObject } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor } from '../kernel/define.ts'
import { publicKey } from './agent.ts'

/** Id of the one actor of this kind. */
export const DOORS = 'cluster'

interface Keys {
  readonly publicKey: string
  readonly secretKey: string
}

interface DoorKeysState {
  readonly keys: Keys | null
}

interface DoorKeysCommand {
  readonly method: 'ensure'
  /** Taken when there are none. */
  readonly args: Keys
}

interface DoorKeysEvent extends Keys {
  readonly type: 'made'
}

function decide(state: DoorKeysState, { args }: DoorKeysCommand, _: DecideContext): Decision<DoorKeysState, DoorKeysEvent> {
  return accept(state.keys ? [] : [{ type: 'made', publicKey: args.publicKey, secretKey: args.secretKey }], s => s.keys)
}

export const doorKeysActor = defineActor<DoorKeysState, DoorKeysCommand, DoorKeysEvent>({
  kind: 'door-keys',
  version: 1,
  methods: { ensure: { check: checkObject({ publicKey, secretKey: publicKey }) } },
  initial: () => ({ keys: null }),
  decide,
  evolve: (_, { publicKey: open, secretKey }) => ({ keys: { publicKey: open, secretKey } }),
  work: () => [],
  view: () => null,
  finished: () => false,
})
