import type { TraitType } from '../../models/projects/trait-types.ts';
import type { Gate } from '../../models/versions/gate.ts';
import { UserError } from '../../platform/failure.ts';
import type { TrainingType } from '../../trainer/training-types.ts';

/** That the conditions of a gate say something about models of this project. @throws UserError that names the condition */
export function requireGate(gate: Gate, type: TrainingType, traits: TraitType[]): void {
  if (type === 'rag')
    throw wrong(
      'gate is given, and training_type is rag: its validation measures how often chunks are found, without intervals, and there is nothing to hold a bound against. Leave gate out.',
    );
  for (const [index, condition] of gate.conditions.entries()) {
    const place = `gate.conditions[${index}]`;
    const { no_worse_by, better_by, any_trait } = condition;
    if ((no_worse_by === undefined) === (better_by === undefined))
      throw wrong(
        `${place} has ${no_worse_by === undefined ? 'neither' : 'both'} no_worse_by ${no_worse_by === undefined ? 'nor' : 'and'} better_by. Give one of them, as {"no_worse_by": 0.02}.`,
      );
    if (any_trait && better_by === undefined)
      throw wrong(
        `${place}.any_trait is true, and no_worse_by must hold on each trait. Leave any_trait out, or ask for better_by.`,
      );
    const others = (condition.traits ?? []).filter((trait) => !traits.includes(trait));
    if (others.length > 0)
      throw wrong(
        `${place}.traits has ${others.join(', ')}, and the project has ${traits.join(', ')}. Name traits of the project, or leave traits out for each of them.`,
      );
  }
}

function wrong(message: string): UserError {
  return new UserError(message, { field: 'gate' });
}
