/** Golden samples of the console: what was said in a released version is understood, and what was promised still holds. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AnyClientMessage, AnyServerMessage, ClientMessage, ServerMessage } from '../../transport/console/messages.ts'
import { GuestMessage, GuestNoticeSchema } from '../../transport/remote-console/schemas.ts'

interface Sample {
  readonly from: 'client' | 'gateway'
  readonly message: { readonly type: string }
}

const samples: Sample[] = JSON.parse(readFileSync(resolve(import.meta.dirname, 'console-1.json'), 'utf8'))

test('each type of message has a sample', () => {
  const types = (from: Sample['from']) => [...new Set(samples.filter(s => s.from === from).map(s => s.message.type))].toSorted()
  assert.equal(types('client'), Object.keys(ClientMessage).toSorted())
  assert.equal(types('gateway'), Object.keys(ServerMessage).toSorted())
})

for (const [i, { from, message }] of samples.entries()) {
  test(`version 1: sample ${i + 1}, ${message.type}`, () => {
    const schema = from === 'client' ? AnyClientMessage : AnyServerMessage
    assert.equal([...Value.Errors(schema, message)], [])
    assert.not(Value.Check(schema, { ...message, surprise: 1 }), 'what is not in the schema is not in the protocol')
  })
}

const guest: Sample[] = JSON.parse(readFileSync(resolve(import.meta.dirname, 'guest-1.json'), 'utf8'))
const GUEST_SCHEMAS: Readonly<Record<string, TSchema>> = { ...GuestMessage, ...GuestNoticeSchema }

test('of remote consoles, too', () => {
  assert.equal([...new Set(guest.map(s => s.message.type))].toSorted(), Object.keys(GUEST_SCHEMAS).toSorted())
  for (const { message } of guest) assert.ok(Value.Check(GUEST_SCHEMAS[message.type] ?? Type.Never(), message), JSON.stringify(message))
})

test.run()
