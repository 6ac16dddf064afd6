/** Where a node is reached. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}
