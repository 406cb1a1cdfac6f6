import type { Planted } from './planted.ts'

export const resendWithoutDedupe: Planted = {
  name: 'resend-without-dedupe',
  what: 'An agent does again what it has done already, when the command comes twice.',
  file: 'actors/hypervisor/drivers/rules.ts',
  find: "return standing && standing.order === order && standing.method === method ? 'done' : 'obey'",
  replace: "return 'obey'",
}
