"""Questions about an account: told to the home itself, by its registered number or by card and name (F4, F5, N17). Pure."""

from dataclasses import replace

from bot.understanding import Intent, Source
from dialogue.asking import Asking
from dialogue.decision import Claim, Decision
from dialogue.facts import Home, Matter
from dialogue.state import Enquiry
from fulfillment.identity import Identified

#: What nobody can be asked for as a proof who asks after it.
_CARD_NUMBER = "card_number"


class Enquiries(Asking):
    """Asking that knows who may hear about an account."""

    def account(self, matter: Matter) -> Decision:
        """Card number, butler, arrears; a card number without the registered number is a person's to tell (N12)."""
        home = self.home_itself
        if home is not None:
            return self.tell_account(matter, home)
        self.set(enquiry=Enquiry(matter.intent, self.heard.text))
        if self.state.is_refused:
            return self.refuse()
        if matter.account == _CARD_NUMBER:
            return self.note_enquiry()
        return self.ask("card", "identity first")

    def tell_account(self, matter: Matter, home: Home) -> Decision:
        if matter.account == _CARD_NUMBER:
            self.tell("ticket.account_card_number", card=home.card_number)
        elif matter.account == "butler":
            self.tell("ticket.account_butler", **home.butler)
        else:
            self.tell("ticket.account_paid" if home.paid else "ticket.account_unpaid")
            if home.arrears:
                self.tell("ticket.account_arrears", yuan=home.arrears)
        self.set(enquiry=Enquiry(), asked="", tries=0, silences=0)
        return self.resume_or_more("told to the home itself")

    def note_enquiry(self) -> Decision:
        """Why it is not told, and a note for somebody who looks at it (N12)."""
        enquiry = self.state.enquiry
        self.tell(f"knowledge.{enquiry.intent}")
        self.heard = replace(self.heard, text=enquiry.words or self.heard.text, intent=Intent(enquiry.intent))
        self.set_slots(story=self.heard.text)
        self.set(enquiry=Enquiry(), asked="", tries=0, silences=0)
        return self.start("question")

    def refuse(self) -> Decision:
        """Too many wrong entries: a person, who reads what was asked."""
        if not self.state.matter:
            self.set(symptom=self.state.enquiry.words)
        self.set(enquiry=Enquiry(), is_refused=True, asked="", tries=0, silences=0)
        self.tell("identity.by_person")
        return self.to_a_person("identity not proven")

    def answer_card(self) -> Decision | None:
        """Spoken, typed or by keys; who has none at hand is noted, and nobody is asked a third time."""
        phrases = self.tables.phrases
        card = phrases.card_number(self.heard.text)
        if card:
            self.set(enquiry=replace(self.state.enquiry, card=card))
            return self.ask("owner", "card number heard")
        if self.heard.intent is Intent.DENY or phrases.has_no_card(self.heard.text) or self.before.tries:
            return self.note_enquiry()
        return self.ask("card", "no card number heard")

    def answer_owner(self) -> Decision | None:
        """The name, or enough of it; compared when the turn is stored (dialogue.step)."""
        name = "" if self.heard.source is Source.CHOICE else self.tables.phrases.owner(self.heard.text)
        if not name:
            return self.note_enquiry() if self.before.tries else self.ask("owner", "no name heard")
        decision = self.done(reason="says who he is")
        return replace(decision, claim=Claim(self.state.enquiry.card, name, self.state.identity_tries))

    def identified(self, outcome: Identified) -> Decision:
        """`facts.proven_home` is there if it was right."""
        matter = self.tables.matters[self.state.enquiry.intent]
        home = self.facts.proven_home
        if outcome is Identified.RIGHT and home is not None:
            self.set(proven_home_id=home.id)
            return self.tell_account(matter, home)
        self.set(identity_tries=self.state.identity_tries + 1)
        if outcome is Identified.REFUSED:
            return self.refuse()
        self.set(enquiry=replace(self.state.enquiry, card=""), asked="", tries=0, silences=0)
        self.tell("identity.not_matched")
        return self.ask("card", "card and name do not fit", script="ask.card_again")
