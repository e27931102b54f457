/** One of the Server-Sent Events of an answer. JSON has no raw line breaks, so one data line holds it. */
export function sentEvent(event: string, data: object, id?: string): string {
  const place = id === undefined ? '' : `id: ${id}\n`;
  return `${place}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
