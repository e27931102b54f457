/** Who asks while somebody else's look at the same thing goes on gets what that finds. */
export class SharedLook<Found> {
  readonly #underWay = new Map<string, Promise<Found>>();
  readonly #look: (what: string) => Promise<Found>;

  constructor(look: (what: string) => Promise<Found>) {
    this.#look = look;
  }

  at(what: string): Promise<Found> {
    const found = this.#underWay.get(what) ?? this.#look(what).finally(() => this.#underWay.delete(what));
    this.#underWay.set(what, found);
    return found;
  }
}
