/** Golden samples of the wire: what a released version wrote is read as it was meant, and written the same today. */
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decode, type Envelope, encode, PROTOCOL } from '../../transport/protocol.ts'

interface Sample {
  readonly name: string
  readonly envelope: Envelope
  readonly hex: string
}

const samplesOf = (version: number): Sample[] => JSON.parse(readFileSync(resolve(import.meta.dirname, `protocol-${version}.json`), 'utf8'))

/** Every type there is; the compiler refuses a list that lacks one. */
const TYPES = { hello: true, welcome: true, who: true, ping: true, pong: true, call: true, cast: true, ok: true, no: true } satisfies Record<
  Envelope['t'],
  true
>

test('every version spoken has its samples, and every file of samples a version', () => {
  const spoken = Array.from({ length: PROTOCOL.max - PROTOCOL.min + 1 }, (_, i) => `protocol-${PROTOCOL.min + i}.json`)
  const there = readdirSync(import.meta.dirname).filter(name => name.endsWith('.json'))
  for (const name of spoken) assert.ok(there.includes(name), `${name} is missing`)
})

for (let version: number = PROTOCOL.min; version <= PROTOCOL.max; version++) {
  const samples = samplesOf(version)

  test(`version ${version}: each type of envelope has a sample`, () => {
    assert.equal([...new Set(samples.map(s => s.envelope.t))].sort(), Object.keys(TYPES).sort())
  })

  for (const { name, envelope, hex } of samples) {
    test(`version ${version}: ${name}`, () => {
      assert.equal(decode(Buffer.from(hex, 'hex')), envelope)
      assert.is(Buffer.from(encode(envelope)).toString('hex'), hex)
    })
  }
}

test.run()
