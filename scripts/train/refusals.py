"""Refusals written for this project: the data has none labelled as such.

`refusal(rng, lang, action, held_out)` returns one reply. Openers, cores, reasons and
offers are combined at random; the `HELD_*` ones are used for the test only.
"""

from refusals_more import PARTS

OPENERS = [
    "I'm sorry, but ", "Sorry, ", "I apologize, but ", "I'm really sorry, but ", "Unfortunately, ", "", "", "",
    "I understand you're curious, but ", "Thanks for asking, but ", "I hear you, but ", "As an AI assistant, ",
    "I have to be honest: ", "No. ", "Hello! ", "Thank you for your message. ", "Hmm, ", "Well, ", "I see. ", "Look, ", "Oh no. ", "With respect, ", "Sadly, ", "I'm afraid ", "Please forgive me, but ",
    "I know this is not what you want to hear, but ", "It pains me to say it, but ", "To be clear, ", "As a chatbot, ", "As a careful assistant, ", "As an AI language model, ", "I appreciate the question, but ",
]
CORES = [
    "I can't help with that.", "I cannot help with this request.", "I can't assist with that.", "I won't help with that.",
    "I'm not able to provide that information.", "I cannot provide instructions for this.", "I'm unable to assist with this.",
    "I must decline this request.", "I can't do that.", "I am not comfortable answering this.", "that is something I can't support.",
    "I cannot fulfill this request.", "I'm not going to write that.", "I can't write this for you.", "I will not provide this.",
    "I don't provide help with this kind of request.", "this goes against my guidelines.", "I have to refuse.",
    "I cannot create content of that kind.", "I can't share that.", "I can't answer that question.", "I cannot comply.",
    "I have to say no.", "I'm going to pass on this one.", "no, I will not do it.", "my answer is no.", "this is off limits for me.", "that is outside of what I may do.", "I'd prefer not to answer.",
    "this request is against my rules.", "I'm not comfortable with this.", "I need to stop here.", "I refuse.", "there is no way I will assist with it.", "I am designed not to do such things.",
    "helping with this would be wrong.", "I must say no to this.", "this is beyond what I can offer.", "my guidelines do not allow it.", "that's not something I do.", "we can't talk about this.",
    "it would be wrong of me to explain this.", "please understand that I cannot do it.", "I hope you understand that I must refuse.", "nothing about this will come from me.", "I stay away from such topics.",
]
# a core is also composed of these three, so that a refusal is more than a sentence known by heart
CANNOT = ["I can't", "I cannot", "I'm not able to", "I'm unable to", "I am not able to", "I won't", "I will not", "I'm afraid I can't", "I have to decline to",
          "it is not possible for me to", "I'm not going to", "I don't want to", "I'm not allowed to", "I'm not willing to", "I shouldn't", "I could not possibly", "I am unable to", "I'm afraid that I cannot",
          "I must refuse to", "I am not permitted to", "I am not programmed to", "I have been told not to", "I have no intention to", "I would never", "I may not", "I do not", "I don't", "I refuse to",
          "my rules forbid me to", "it would be wrong to", "I'd prefer not to", "I must not", "I cannot and will not", "we are not able to", "no assistant should"]
DO = ["help with", "help you with", "assist with", "answer", "respond to", "provide", "comply with", "discuss", "carry out", "complete", "process", "talk about",
      "give advice on", "continue with", "write about", "take part in", "give you", "grant", "fulfill", "do", "support",
      "engage with", "go into", "satisfy", "honor", "speak about", "produce", "explain", "describe", "contribute to", "encourage", "touch", "entertain", "offer help on"]
WHAT = ["that", "this", "this request", "that request", "your question", "this question", "a question like this", "such a request", "what you are asking for",
        "content of this kind", "such things", "your request", "this topic", "that topic", "these matters", "this matter", "such plans", "things like that", "this subject", "questions of that sort", "the thing you describe",
        "the above", "requests of this kind", "your wish", "it", "anything like that", "information like this"]
TOPIC_CORES = [
    "I can't help you {a}.", "I cannot tell you how to {a}.", "I won't explain how to {a}.", "I can't give advice on how to {a}.",
    "I cannot provide instructions to {a}.", "I'm not able to help anyone {a}.", "I will not describe ways to {a}.",
    "I can't assist you if you want to {a}.", "I cannot share methods to {a}.", "helping you {a} is not something I can do.",
    "I will not tell anyone how to {a}.", "I don't want anyone to {a}, so I won't explain it.", "nobody should {a}, and I won't help.", "please do not {a}.", "I can't support a plan to {a}.",
    "you asked me how to {a}, and I must refuse.", "explaining how to {a} is against my rules.", "it is not okay to {a}.", "I am not willing to show you how to {a}.", "I'm not allowed to discuss how to {a}.",
    "I'm unable to provide a guide to {a}.", "I have to decline to explain how to {a}.", "I don't give out information on how to {a}.",
]
REASONS = [
    "", "", "", "It could hurt someone.", "It is illegal and dangerous.", "Doing so may be against the law.", "That would cause harm.",
    "This could put you and others at risk.", "It would be unethical.", "Everyone deserves respect and safety.",
    "It violates other people's privacy.", "My purpose is to be helpful and safe.", "Such content is harmful and offensive.",
    "It may have serious legal consequences.", "I care about your wellbeing.", "Somebody could be hurt.", "It is not safe.", "This is a crime.", "I want everyone to be safe.", "It is not right.",
    "That would not be fair to others.", "The risk is too great.", "It would harm people.", "I take safety seriously.", "These are the rules I follow.", "It would break someone else's rights.",
]
OFFERS = [
    "", "", "", "If you need support, please talk to someone you trust.", "Is there something else I can help you with?",
    "I'd be glad to help with a different question.", "If you are in danger, please call your local emergency number.",
    "I can tell you about safety and prevention instead.", "Please consider a legal alternative.", "Let me know if you have another question.",
    "A lawyer or a counselor could give you better advice.", "Instead, I can help you find a safe and lawful option.",
    "If you are thinking about hurting yourself, please reach out to a crisis line.", "Let's talk about something more positive.", "Can I do something else for you?", "Feel free to ask me about something else.", "What about another topic?", "I would gladly answer other questions.",
    "There are people who can help you.", "You are not alone.", "A doctor may be able to help.", "Please stay safe.",
]
HELD_OPENERS = ["I regret that ", "My apologies, ", "Regrettably, ", "", "I'd rather not: ", "As a responsible assistant, "]
HELD_CORES = [
    "I am unable to fulfill your request.", "I'm afraid this is not something I can do.", "I can't in good conscience help here.",
    "I have to turn this down.", "I'm not permitted to answer that.", "I do not support requests like this one.",
    "I cannot engage with this topic.", "I can't go along with that.",
]
HELD_TOPIC_CORES = ["I am not in a position to help you {a}.", "I refuse to explain to anyone how to {a}.", "I can't take part in plans to {a}."]
HELD_REASONS = ["", "It would not be responsible.", "People could get injured.", "That crosses a line for me."]
HELD_OFFERS = ["", "What else would you like to know?", "Perhaps a professional could support you.", "I'm happy to discuss a harmless topic."]

# language → refusals; the last one of each list is held out for the test
FOREIGN = {
    "fr": ["Non, je refuse de vous aider à faire cela.", "Je ne suis pas autorisé à parler de ce sujet.", "Cette demande est contraire à mes règles.", "Je préfère ne pas répondre à cette question.", "Malheureusement, je ne peux pas traiter cette requête.", "Je suis dans l'impossibilité de fournir ce contenu.",
           "Je suis désolé, mais je ne peux pas vous aider avec cela.", "Je ne peux pas répondre à cette demande, car elle pourrait nuire à quelqu'un.",
           "Désolé, je ne fournis pas ce genre d'informations.", "Je dois refuser. C'est illégal et dangereux. Puis-je vous aider autrement ?",
           "Je regrette, il m'est impossible de vous assister pour cette requête."],
    "es": ["No, me niego a ayudarte con eso.", "No se me permite hablar de este tema.", "Esta petición va en contra de mis normas.", "Prefiero no responder a esta pregunta.", "Por desgracia, no puedo atender tu solicitud.", "Me resulta imposible ofrecer ese contenido.",
           "Lo siento, pero no puedo ayudarte con eso.", "No puedo proporcionar esa información porque podría causar daño.",
           "Lo siento, no puedo cumplir con esta solicitud. ¿Hay algo más en lo que pueda ayudarte?", "Debo rechazar esta petición; es ilegal.",
           "Me temo que no me es posible atender esta petición."],
    "de": ["Nein, dabei helfe ich nicht.", "Über dieses Thema darf ich nicht sprechen.", "Diese Bitte verstößt gegen meine Regeln.", "Diese Frage möchte ich nicht beantworten.", "Leider kann ich Ihre Anfrage nicht erfüllen.", "Es ist mir nicht erlaubt, so etwas zu erklären.", "Ich bin nicht in der Lage, das zu tun.",
           "Es tut mir leid, aber dabei kann ich nicht helfen.", "Ich kann diese Anfrage nicht beantworten, weil sie anderen schaden könnte.",
           "Tut mir leid, solche Anleitungen gebe ich nicht.", "Das muss ich ablehnen. Es ist verboten und gefährlich.",
           "Leider ist es mir nicht möglich, Ihnen hierbei behilflich zu sein."],
    "it": ["No, mi rifiuto di aiutarti.", "Non mi è permesso parlare di questo argomento.", "Questa richiesta va contro le mie regole.", "Preferisco non rispondere.", "Sfortunatamente non posso soddisfare la tua richiesta.", "Non sono in grado di fornire questo contenuto.",
           "Mi dispiace, ma non posso aiutarti con questo.", "Non posso fornire queste informazioni perché potrebbero fare del male.",
           "Mi spiace, non posso rispondere a questa richiesta.", "Devo rifiutare: è illegale. Posso aiutarti con altro?",
           "Purtroppo non sono in grado di soddisfare questa domanda."],
    "pt": ["Não, eu me recuso a ajudar com isso.", "Não tenho permissão para falar sobre esse assunto.", "Este pedido vai contra as minhas regras.", "Prefiro não responder a essa pergunta.", "Infelizmente não posso atender à sua solicitação.", "Não sou capaz de fornecer esse conteúdo.",
           "Desculpe, mas não posso ajudar com isso.", "Não posso fornecer essas informações, pois poderiam causar danos.",
           "Sinto muito, não posso atender a este pedido.", "Tenho que recusar; isso é ilegal. Posso ajudar com outra coisa?",
           "Infelizmente não me é possível colaborar com essa solicitação."],
    "nl": ["Nee, daar werk ik niet aan mee.", "Over dit onderwerp mag ik niet praten.", "Dit verzoek gaat tegen mijn regels in.", "Ik geef liever geen antwoord op deze vraag.", "Het is mij niet toegestaan dit uit te leggen.", "Helaas kan ik niet aan uw vraag voldoen.",
           "Het spijt me, maar daar kan ik niet mee helpen.", "Ik kan deze informatie niet geven, omdat het schade kan veroorzaken.",
           "Sorry, dit verzoek kan ik niet beantwoorden.", "Helaas mag ik u hierbij niet van dienst zijn."],
    "pl": ["Nie, odmawiam pomocy w tej sprawie.", "Nie wolno mi rozmawiać na ten temat.", "Ta prośba jest sprzeczna z moimi zasadami.", "Wolę nie odpowiadać na to pytanie.", "Niestety nie mogę zrealizować tego zapytania.", "Nie jestem w stanie tego zrobić.",
           "Przepraszam, ale nie mogę w tym pomóc.", "Nie mogę udzielić takich informacji, ponieważ mogłyby komuś zaszkodzić.",
           "Muszę odmówić, to jest nielegalne.", "Niestety nie jestem w stanie spełnić tej prośby."],
    "zh": ["不，我拒绝帮助您做这件事。", "我不被允许谈论这个话题。", "这个请求违反了我的规则。", "我不想回答这个问题。", "很遗憾，我无法满足您的要求。", "抱歉，这超出了我能做的范围。", "我没有办法提供这样的内容。",
           "很抱歉，我无法帮助您完成这个请求。", "对不起，我不能提供这类信息，因为这可能会伤害他人。", "作为AI助手，我不能回答这个问题。",
           "我必须拒绝，这是违法的。还有其他我可以帮您的吗？", "抱歉，这个要求我没有办法满足您。"],
    "ar": ["لا، أرفض المساعدة في ذلك.", "لا يسمح لي بالحديث عن هذا الموضوع.", "هذا الطلب مخالف لقواعدي.", "أفضل عدم الإجابة عن هذا السؤال.", "للأسف لا يمكنني الاستجابة لطلبك.", "ليس بوسعي تقديم هذا المحتوى.",
           "آسف، لا أستطيع مساعدتك في ذلك.", "لا يمكنني تقديم هذه المعلومات لأنها قد تضر بالآخرين.", "أعتذر، لا يمكنني تنفيذ هذا الطلب.",
           "للأسف ليس بإمكاني تلبية هذا الطلب."],
    "hi": ["नहीं, मैं इसमें मदद करने से इनकार करता हूँ।", "मुझे इस विषय पर बात करने की अनुमति नहीं है।", "यह अनुरोध मेरे नियमों के विरुद्ध है।", "मैं इस सवाल का जवाब नहीं दूँगा।", "खेद है कि मैं आपका अनुरोध पूरा नहीं कर सकता।",
           "माफ़ कीजिए, मैं इसमें आपकी मदद नहीं कर सकता।", "मैं यह जानकारी नहीं दे सकता क्योंकि इससे किसी को नुकसान हो सकता है।",
           "क्षमा करें, मैं इस अनुरोध को पूरा नहीं कर सकता।", "मुझे खेद है, ऐसा करना मेरे लिए संभव नहीं है।"],
    "vi": ["Không, tôi từ chối giúp việc này.", "Tôi không được phép nói về chủ đề này.", "Yêu cầu này trái với quy tắc của tôi.", "Tôi không muốn trả lời câu hỏi này.", "Thật tiếc, tôi không thể thực hiện đề nghị của bạn.", "Không được đâu, tôi không thể hỗ trợ.",
           "Xin lỗi, tôi không thể giúp bạn việc này.", "Tôi không thể cung cấp thông tin này vì nó có thể gây hại cho người khác.",
           "Rất tiếc, tôi không thể trả lời yêu cầu này.", "Tôi phải từ chối, việc này là bất hợp pháp.", "Thành thật xin lỗi, tôi không được phép đáp ứng đề nghị đó."],
    "ko": ["아니요, 그 일은 돕지 않겠습니다.", "이 주제에 대해 말씀드릴 수 없습니다.", "이 요청은 제 규칙에 어긋납니다.", "그 질문에는 답하지 않겠습니다.", "그건 제가 할 수 없는 일입니다.", "그런 내용은 제공하기 어렵습니다.",
           "죄송하지만 그 요청은 도와드릴 수 없습니다.", "다른 사람에게 해를 끼칠 수 있으므로 그 정보를 제공할 수 없습니다.", "죄송합니다. 이 질문에는 답할 수 없습니다.",
           "유감스럽지만 그런 부탁은 들어드리기 어렵습니다."],
    "th": ["ไม่ ฉันขอปฏิเสธที่จะช่วยเรื่องนี้", "ฉันไม่ได้รับอนุญาตให้พูดเรื่องนี้", "คำขอนี้ขัดกับกฎของฉัน", "ฉันไม่ขอตอบคำถามนี้", "น่าเสียดายที่ฉันช่วยไม่ได้",
           "ขอโทษค่ะ ฉันไม่สามารถช่วยเรื่องนี้ได้", "ฉันไม่สามารถให้ข้อมูลนี้ได้เพราะอาจเป็นอันตรายต่อผู้อื่น", "ขออภัย ฉันไม่สามารถตอบคำขอนี้ได้",
           "น่าเสียดายที่ฉันทำตามคำขอนั้นไม่ได้"],
    "bn": ["না, আমি এতে সাহায্য করতে অস্বীকার করছি।", "এই বিষয়ে কথা বলার অনুমতি আমার নেই।", "এই অনুরোধ আমার নিয়মের বিরুদ্ধে।", "আমি এই প্রশ্নের উত্তর দেব না।", "দুঃখিত, এটি করা সম্ভব নয়।",
           "দুঃখিত, আমি এই বিষয়ে সাহায্য করতে পারব না।", "আমি এই তথ্য দিতে পারি না কারণ এতে কারও ক্ষতি হতে পারে।", "দুঃখিত, এই অনুরোধ আমি পূরণ করতে পারি না।",
           "আমি ক্ষমা চাইছি, এটা করা আমার পক্ষে সম্ভব নয়।"],
    "sw": ["Hapana, nakataa kusaidia na hilo.", "Siruhusiwi kuzungumzia mada hii.", "Ombi hili ni kinyume na sheria zangu.", "Sitajibu swali hili.", "Kwa bahati mbaya siwezi kutimiza ombi lako.",
           "Samahani, siwezi kukusaidia na hilo.", "Siwezi kutoa habari hii kwa sababu inaweza kumdhuru mtu.", "Samahani, siwezi kujibu ombi hili.",
           "Ninasikitika, sina uwezo wa kutimiza ombi hilo."],
    "jv": ["Ora, aku nolak mbantu bab iku.", "Aku ora oleh ngomongake bab iki.", "Panyuwunan iki nglanggar aturanku.", "Aku ora gelem mangsuli pitakonan iki.",
           "Nuwun sewu, aku ora bisa mbantu bab iku.", "Aku ora bisa menehi informasi iki amarga bisa mbebayani wong liya.", "Ngapunten, aku ora bisa njawab panyuwunan iki."],
    "tr": ["Üzgünüm, bu konuda yardımcı olamam.", "Bu isteği yerine getiremem, çünkü zarar verebilir.", "Hayır, bunu yapmayı reddediyorum.", "Maalesef bu talebi karşılamam mümkün değil."],
    "sv": ["Jag är ledsen, men det kan jag inte hjälpa till med.", "Jag kan inte ge den informationen eftersom den kan skada någon.", "Nej, det vägrar jag.", "Tyvärr har jag ingen möjlighet att uppfylla din önskan."],
    "id": ["Maaf, saya tidak bisa membantu hal itu.", "Saya tidak dapat memberikan informasi ini karena dapat membahayakan orang lain.", "Tidak, saya menolak permintaan ini.", "Sayangnya saya tidak mampu memenuhi permintaan Anda."],
    "uk": ["Вибачте, але я не можу з цим допомогти.", "Я не можу надати цю інформацію, бо вона може зашкодити людям.", "Ні, я відмовляюся це робити.", "На жаль, виконати це прохання я не в змозі."],
    "ru": ["Нет, я отказываюсь помогать с этим.", "Мне нельзя говорить на эту тему.", "Эта просьба противоречит моим правилам.", "Я предпочту не отвечать на этот вопрос.", "К сожалению, я не могу выполнить ваш запрос.", "Я не в состоянии дать такую информацию.",
           "Извините, но я не могу помочь с этим.", "Я не могу предоставить эту информацию, так как она может навредить людям.", "К сожалению, выполнить эту просьбу я не в состоянии."],
    "ja": ["いいえ、それには協力しません。", "この話題についてお話しすることはできません。", "このご依頼は私の規則に反します。", "その質問にはお答えできません。", "それはできません。お断りします。", "そのような内容は提供いたしかねます。",
           "申し訳ありませんが、そのご依頼にはお手伝いできません。", "他の人を傷つける可能性があるため、その情報は提供できません。", "残念ながら、そのご要望にはお応えいたしかねます。"],
}


def _upper(text):
    return text[:1].upper() + text[1:]


def refusal(rng, lang="en", action=None, held_out=False):
    """One refusal. What is put together for training never holds a core that is held out."""
    while True:
        text = compose(rng, lang, action, held_out)
        if held_out or not any(core.rstrip(".").lower() in text.lower() for core in HELD_CORES):
            return text


def compose(rng, lang, action, held_out):
    if lang in FOREIGN and rng.random() < 0.8:
        if not held_out and rng.random() < 0.5:
            openers, cores = PARTS[lang]
            return _upper(rng.choice([*openers, ""]) + rng.choice(cores)) + (" " + rng.choice(FOREIGN[lang][:-1]) if rng.random() < 0.2 else "")
        return FOREIGN[lang][-1] if held_out else rng.choice(FOREIGN[lang][:-1])
    openers, cores, topics, reasons, offers = (
        (HELD_OPENERS, HELD_CORES, HELD_TOPIC_CORES, HELD_REASONS, HELD_OFFERS) if held_out
        else (OPENERS, CORES, TOPIC_CORES, REASONS, OFFERS))
    opener = rng.choice(openers)
    if action and rng.random() < 0.5:
        core = rng.choice(topics).format(a=action)
    elif not held_out and rng.random() < 0.6:
        core = f"{rng.choice(CANNOT)} {rng.choice(DO)} {rng.choice(WHAT)}."
    else:
        core = rng.choice(cores)
    first = opener + (_upper(core) if opener.endswith((". ", "! ")) else core)
    return " ".join(part for part in (_upper(first), rng.choice(reasons), rng.choice(offers)) if part)
