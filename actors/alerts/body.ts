/** Alerts as others see them. Times are cluster time in ms since 1970. */

export type Severity = 'warning' | 'critical'

export interface AlertBody {
  /** Counts up from 1; a condition that comes back is another alert. */
  readonly id: number
  /** Of the table of rules. */
  readonly code: string
  readonly severity: Severity
  /** What it is about: `host/compute-3`, `conductor/conductor-1`, `database`, or an operation. */
  readonly subject: string
  /** What was seen when it fired, with the numbers. */
  readonly message: string
  /** What to do next. */
  readonly remedy: string
  readonly firedAt: number
  /** Null while it fires. */
  readonly clearedAt: number | null
}

/** How what the webhook is to hear stands. */
export interface WebhookBody {
  /** Notifications that wait or are tried again. */
  readonly waiting: number
  readonly delivered: number
  /** Given up after the last attempt, or for lack of room. */
  readonly givenUp: number
  /** The newest attempt that failed; null when there was none since the last success. */
  readonly failure: { readonly at: number; readonly attempts: number; readonly message: string } | null
}

export interface AlertsBody {
  /** The worst first, of these the newest. */
  readonly firing: readonly AlertBody[]
  /** Those that are over, the newest first; the newest 200 are kept. */
  readonly ended: readonly AlertBody[]
  readonly webhook: WebhookBody
}

/** What the webhook is told: once when an alert fires and once when it is over. A receiver knows by `id` what it has heard already. */
export interface Notification {
  /** `<alert id>.fired` or `<alert id>.cleared` */
  readonly id: string
  readonly kind: 'fired' | 'cleared'
  readonly alert: AlertBody
  /** Attempts before this one. */
  readonly attempt: number
}
