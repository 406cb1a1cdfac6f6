/**
 * Tokens that one gateway can judge: those it has seen before, whose signature is remembered, and those it sees for the first time. The
 * reference is the signature alone, Node's Ed25519 over as many bytes.
 */
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import type { Claims, IdentityApi } from '../actors/identity/api.ts'
import { silentLogger } from '../actors/kernel/env.ts'
import { createGate } from '../supervisors/identity/gate.ts'
import { newAuditId, newSigningKey, signToken } from '../supervisors/identity/tokens.ts'
import { type BenchResult, result } from './result.ts'

const TOKENS = 3000
const ROUNDS_KNOWN = 20
const YEAR_MS = 365 * 86_400_000

const claims = (): Claims => ({
  user: { id: 'ann-id', name: 'ann', domain: { id: 'default', name: 'Default' } },
  scope: { type: 'project', id: 'demo-id', name: 'demo', domain: { id: 'default', name: 'Default' } },
  roles: [
    { id: 'member', name: 'member' },
    { id: 'reader', name: 'reader' },
  ],
  methods: ['password'],
  audit: [newAuditId()],
  issuedAt: 0,
  expiresAt: YEAR_MS,
  credential: null,
})

async function perSecond(count: number, each: (i: number) => unknown): Promise<number> {
  const begun = performance.now()
  for (let i = 0; i < count; i++) await each(i)
  return count / ((performance.now() - begun) / 1000)
}

export async function bench(): Promise<BenchResult[]> {
  const key = { ...newSigningKey(), createdAt: 0 }
  const tokens = Array.from({ length: TOKENS }, () => signToken(claims(), key))
  const trust: IdentityApi['trust'] = async () => ({ version: '1', now: 0, content: { keys: [key], revocations: [] } })
  const unasked = () => Promise.reject(new Error('a gateway judges alone'))
  const api = new Proxy({ trust } as IdentityApi, { get: (known, name) => Reflect.get(known, name) ?? unasked })
  const env = { monotonicMs: () => 0, setTimer: () => ({ cancel: () => {} }), log: silentLogger }
  const gate = createGate({ env, api })
  await gate.refresh()
  const judge = (i: number) => gate.verify(tokens[i % TOKENS] ?? '')
  const fresh = await perSecond(TOKENS, judge)
  const known = await perSecond(TOKENS * ROUNDS_KNOWN, judge)
  gate.stop()

  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const body = randomBytes(tokens[0]?.length ?? 0)
  const signature = sign(null, body, privateKey)
  const bare = await perSecond(TOKENS, () => verify(null, body, publicKey, signature))
  return [
    result('tokens judged, seen for the first time, reference Ed25519 alone', fresh, 'tokens/s', bare),
    result('tokens judged, seen before, reference Ed25519 alone', known, 'tokens/s', bare),
  ]
}
