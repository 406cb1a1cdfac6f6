/** What a client was told holds: what was refused is never done, and nothing is done twice, whichever conductors had copies of the request. */
import type { OperationBody } from '../../../actors/api.ts'
import { bodies, type Checker } from './checker.ts'

export const answersHold: Checker = {
  name: 'what was refused is not done, and what was accepted is done once',
  atTheEnd(world, { asked }) {
    const begun = new Map<string, string>()
    return bodies<OperationBody>(world, 'operation').flatMap(({ id, kind, requestId }) => {
      const request = asked.get(requestId)
      if (!request) return []
      const before = begun.get(requestId)
      begun.set(requestId, id)
      if (request.refused) return [`${requestId} was refused, and operation ${id} (${kind}) was begun`]
      return before ? [`${requestId} became operation ${before} and operation ${id} (${kind})`] : []
    })
  },
}
