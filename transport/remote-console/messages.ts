/** What is said about a remote console beside its bytes. Imported by browsers, so it imports nothing. */

export const REMOTE_CONSOLE_PATH = '/remote-console'
export const GUEST_PROTOCOL = 'baton.guest.v1'

/** Text frames from the gateway, where `baton.guest.v1` was agreed on. Clients send `{"type":"take"}`: give me the keyboard. */
export type GuestNotice =
  | { readonly type: 'open'; readonly kind: 'serial' | 'vnc'; readonly instance: string }
  /** Whether what is typed here reaches the guest. */
  | { readonly type: 'keyboard'; readonly yours: boolean }
  /** So many bytes of the guest came too fast for this client and are not kept. */
  | { readonly type: 'missed'; readonly bytes: number }

/** Why a remote console was closed, beside the codes of RFC 6455. The reason says it in words. */
export const REMOTE_CLOSE = {
  ended: { code: 1000, why: 'the guest is off, or its host gives no answer' },
  goingAway: { code: 1001, why: 'the gateway stops; open the console again' },
  unsupported: { code: 1003, why: 'a text frame is {"type":"take"}; what is typed comes in binary frames' },
  failed: { code: 1011, why: 'the console could not be opened' },
  overloaded: { code: 1013, why: 'too many consoles are open; try again later' },
  unauthorized: { code: 4401, why: 'the token was used already, has expired, or is none' },
  idle: { code: 4408, why: 'nothing was typed or written for 30 minutes' },
  life: { code: 4409, why: 'a console is open for 8 hours at most; open it again' },
} as const
