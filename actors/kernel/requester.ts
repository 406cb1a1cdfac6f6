/** Who asked for something, as far as it is known; it goes with the request into whatever the request begins. */
import { checkObject, optional, text } from './check.ts'

export interface Requester {
  /** Id of the user behind the token; absent where there are no identities. */
  readonly user?: string
  /** W3C `traceparent` of the request, as it came. */
  readonly trace?: string
  /** Where the cluster began it by itself: the `traceparent` of the verdict behind it, which is of another trace. */
  readonly verdict?: string
}

export const checkRequester = checkObject({ user: optional(text(64)), trace: optional(text(64)), verdict: optional(text(64)) })
