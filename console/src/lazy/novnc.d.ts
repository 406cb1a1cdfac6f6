/** What is used of noVNC, which comes without types. */
declare module '@novnc/novnc' {
  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, channel: WebSocket, options?: { readonly shared?: boolean })
    scaleViewport: boolean
    background: string
    focus(): void
    sendCtrlAltDel(): void
    disconnect(): void
  }
}
