import type { Planted } from './planted.ts'

export const alertTriedOnce: Planted = {
  name: 'alert-tried-once',
  what: 'What a webhook refused is not told again.',
  file: 'actors/alerts/alerts.ts',
  find: 'const outbox = [{ ...head, attempt, notBefore: at + pauseMs(attempt) }, ...rest]',
  replace: 'const outbox = rest',
}
