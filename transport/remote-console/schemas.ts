/** The text frames of `baton.guest.v1` as schemas: docs/asyncapi.yaml is made of them, and the golden samples must fit them. */
import { type Static, type TSchema, Type } from 'typebox'
import type { GuestNotice } from './messages.ts'

const message = <T extends string, P extends Record<string, TSchema>>(type: T, description: string, properties: P) =>
  Type.Object({ type: Type.Literal(type), ...properties }, { additionalProperties: false, description })

export const GuestMessage = {
  take: message('take', 'Gives the keyboard of a serial line to this client.', {}),
} as const

export const GuestNoticeSchema = {
  open: message('open', 'The console is open: bytes of the guest may come, and may be sent.', {
    kind: Type.Union([Type.Literal('serial'), Type.Literal('vnc')]),
    instance: Type.String(),
  }),
  keyboard: message('keyboard', 'Whether what is sent reaches the guest: one of those who look at a serial line has the keyboard.', {
    yours: Type.Boolean(),
  }),
  missed: message('missed', 'So many bytes of a serial line came too fast for this client, and are not kept.', {
    bytes: Type.Integer({ minimum: 1 }),
  }),
} as const

/** What browsers are told of it by hand is what the schemas say. */
export type NoticeBySchema = Static<(typeof GuestNoticeSchema)[keyof typeof GuestNoticeSchema]> extends GuestNotice ? GuestNotice : never
