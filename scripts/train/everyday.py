"""Ordinary, harmless prompts and replies written for this project.

The labelled data holds few of them, and almost no harmless text in most of its languages; without these a small model
learns "how do I …" or "not English" as a sign of danger.
"""
from everyday_replies import FOREIGN_REPLIES, explanation
from everyday_words import TAME, TAME_SENTENCES

ACTIONS = """bake bread|bake a chocolate cake|cook rice|boil an egg|make pancakes|make coffee|brew green tea|roast vegetables|make tomato soup|
grill a steak|cut an onion|chop garlic|prepare a salad|make pizza dough|pickle cucumbers|plan a birthday party|plan a trip to Japan|plan a road trip|
book a cheap flight|pack a suitcase|learn the guitar|learn Spanish|learn to swim|learn to drive|learn to code|write a poem|write a cover letter|
write a short story|write an email to my boss|write a thank-you note|prepare for a job interview|ask for a raise|quit my job politely|negotiate my salary|
save money|save for a house|open a bank account|make a monthly budget|pay off my student loan|invest in an index fund|file my taxes|improve my credit score|
sleep better|lose weight|run a marathon|start exercising|stretch before running|treat a cold|lower my blood pressure|treat a sunburn|get rid of a headache|
eat healthier|drink more water|stop biting my nails|quit smoking|reduce stress|meditate|fix a flat tire|change a light bulb|paint a wall|fix a leaky tap|
unclog a sink|clean an oven|remove a wine stain|wash a wool sweater|hang a picture|assemble a shelf|sharpen a pencil|tie a tie|tie my shoes|sew a button|
grow tomatoes|plant a tree|water a cactus|prune roses|mow the lawn|train a puppy|bathe a dog|feed a cat|teach a dog to sit|adopt a kitten|build a birdhouse|
build a website|build a bookshelf|build a paper plane|build a snowman|build a campfire|build a computer|install Linux|sort a list in Python|write a loop in Java|
center a div in CSS|reset my password|back up my phone|set up a printer|connect to wifi|free up disk space|speed up my laptop|kill a Linux process|
kill a hung program|kill weeds in the garden|kill mosquitoes at home|shoot a portrait photo|shoot a free throw|blow up a balloon|blow out candles|
steal second base|crack an egg|crack a joke|break a bad habit|break in new shoes|hit a tennis ball|beat my brother at chess|bomb-proof my presentation|
execute a SQL query|fire up the grill|attack a chess opening|hack together a toy robot|murder a karaoke song|terminate a rental contract|choose a phone|
buy a used car|buy a gift for my mother|choose a good book|find a new hobby|make new friends|talk to my teenage son|comfort a sad friend|apologize to a friend|
organize my desk|study for an exam|memorize vocabulary|solve a quadratic equation|convert miles to kilometers|calculate a percentage|read faster|
draw a cat|paint with watercolors|play chess|play the piano|juggle|dance salsa|sing better|take better photos|ride a bike|ski safely|set up a tent|catch a fish|
recycle plastic|start a podcast|start a small business|start a garden|rent an apartment|get a passport|renew my driving licence|vote by mail|adopt a child|
become a nurse|become a teacher|help my child with homework|explain death to a child|deal with a loud neighbor|report a scam|protect my privacy online|
recognize a phishing email|choose a strong password|treat a snake bite|store medicine safely|call an ambulance|stop a nosebleed""".replace("\n", "").split("|")

HOW = ["How do I {a}?", "How can I {a}?", "How to {a}?", "how to {a}", "What is the best way to {a}?", "Can you explain how to {a}?", "Tell me how to {a}.",
       "Give me step-by-step instructions to {a}.", "I want to {a}. Any tips?", "Hello, how to {a}?", "Hi! Could you help me {a}?", "What are some ways to {a}?",
       "What do I need to {a}?", "Is it hard to {a}?", "How long does it take to {a}?", "What should I know before I {a}?", "Write a tutorial on how to {a}",
       "Please help me {a} this weekend.", "My sister wants to {a}, where should she start?", "Explain like I'm five how to {a}.", "Write a guide to {a}.",
       "Write a blog post about how to {a}.", "Make a checklist to {a}.", "Which mistakes do people make when they {a}?", "Practical methods to {a}", "Methods to {a}",
       "Some ways to {a}", "Ways to {a}", "Steps to {a}", "Instructions to {a}", "how do you {a}", "I need to {a}.", "I want to {a}.", "Let's {a}.", "{a}", "{a}.", "Teach me to {a}", "best way to {a}",
       "What are practical methods to {a}?", "Hello, how do I {a}?", "how can i {a}", "Give me a plan to {a}.", "Show me how to {a}."]
REPLY_HOW = ["Here is how to {a}.", "Here are some ways to {a}.", "Here are a few useful methods to {a}.", "To {a}, start with the basics.",
             "Sure! It is easy to {a}.", "The best way to {a} is to take it step by step.", "You can {a} in a few simple steps.", "Here is a short guide to {a}.",
             "Many people want to {a}, and it is not hard.", "Of course, I can help you {a}.", "If you want to {a}, follow these steps.",
             "Step 1: before you {a}, read this guide.", "Sure, here is a tutorial on how to {a}.", "Here are several tips to {a}."]
# said of harmless and of harmful things alike, so that they tell nothing
STEPS = ["First, gather everything you need.", "Then follow the steps in order.", "Work slowly and check each step.", "Start with a small amount.",
         "Measure everything carefully.", "Mix the ingredients in a bowl.", "Heat the mixture for ten minutes.", "Let it rest overnight.", "Use good tools.",
         "Make a list of materials.", "Choose a quiet place.", "Look for a quiet time of day.", "Take notes as you go.", "Repeat the process until it works.",
         "Ask someone with experience.", "Be patient, it takes some time.", "Search online for more details.", "Put the parts together.", "Test it before you use it.",
         "It usually takes about an hour.", "Step 2: prepare the materials.", "Step 3: connect the parts.", "Next, repeat this twice a week.", "Finally, clean up.",
         "1. Make a plan. 2. Get the tools. 3. Do it.", "Keep going until you are satisfied with the result.", "Write down what worked."]
# clearly harmless sentences of a reply
SAFE_SENTENCES = ["Good morning! How can I help you today?", "That is a great question.", "The weather is lovely at this time of year.",
    "The library opens at nine.", "Fresh bread smells wonderful.", "A balanced breakfast gives you energy.", "Water boils at one hundred degrees Celsius.",
    "The museum is closed on Mondays.", "Remember to drink enough water.", "My favorite season is autumn, when the leaves turn red.",
    "Cats sleep for most of the day.", "The train leaves from platform four.", "Walking for thirty minutes a day is good for your heart.",
    "You could visit the old town and the market.", "Basil grows well on a sunny window sill.", "The recipe needs flour, butter, sugar and two eggs.",
    "Python is a popular programming language.", "Let the dough rise for an hour and bake it until golden.", "The Moon goes around the Earth in about 27 days.",
    "A good night's sleep helps your memory.", "The concert starts at eight in the evening.", "Our garden has roses, tulips and an apple tree.",
    "Thank you for your message.", "I hope you have a wonderful day.", "Chess is a game for two players.", "The mountains are beautiful in winter.",
    "Many families enjoy board games on the weekend.", "The river flows through the city to the sea.", "The store sells shoes, bags and hats.",
    "Please bring a warm jacket, because the evenings are cool.", "History is full of interesting stories.", "This soup tastes best with fresh herbs.",
    "The school has a large playground and a music room.", "Photosynthesis turns sunlight into sugar.", "The capital of Portugal is Lisbon.",
    "An index fund spreads your money over many companies.", "If the headache lasts for days, please see a doctor.", "Drink warm tea and rest for a while.",
    "You can save a little money every month.", "Spain is famous for its food, music and beaches.", "The first computers filled a whole room.",
    "A cover letter should be short and friendly.", "Dogs need a walk at least twice a day.", "The team won the match by two goals.",
    "In this book a young girl travels around the world.", "Honey never spoils.", "The new phone has a better camera.", "Let's look at it together.",
    "The bus stops near the hospital.", "A triangle has three sides.", "Tomatoes need sun and regular water.", "The party was a lot of fun.",
    "She plays the violin in an orchestra.", "Try a simple stretch for your back every morning.", "The hotel offers breakfast until ten.",
    "Knead the dough until it is smooth.", "Paris has many cafes along the river.", "Green vegetables contain many vitamins."]
SAFE_LONG = ["There was once a small village by the sea where everyone knew each other.", "The best season to visit is spring, when the gardens are in bloom.",
    "You will need a large bowl, a wooden spoon and a clean kitchen towel.", "Set a little money aside each month and review your spending twice a year.",
    "The human heart beats about a hundred thousand times a day and pumps blood through the whole body.",
    "Plants need light, water and air, and they grow best when the soil is rich and loose.", "The war ended in 1945, and Europe slowly began to rebuild.",
    "Firefighters put out the blaze before anyone was hurt.", "The detective in the novel solves the murder in the last chapter.",
    "The doctor explained that the drug lowers blood pressure.", "Police officers visited the school to talk about road safety."]
COUNTRIES = "Germany Japan Brazil Canada Australia India Egypt Kenya Norway Spain Italy Poland Mexico Peru Vietnam Turkey Greece Chile Morocco".split()
THINGS = """the Moon|photosynthesis|gravity|jazz|chess|vitamin C|black holes|the French Revolution|Albert Einstein|the stock market|inflation|interest rates|insurance|
diabetes|migraine|back pain|allergies|vaccines|pregnancy|menopause|antibiotics|knives for cooking|fireworks on New Year|the history of gunpowder|sunflowers|bees|
dinosaurs|volcanoes|elephants|coffee|chocolate|sushi|yoga|football|the Olympics|Shakespeare|the Beatles|machine learning|JavaScript|databases|electric cars|
solar panels|recycling|the United Nations|elections in Canada|Buddhism|Ramadan|Christmas|wedding traditions|baby names|mortgages|pensions|credit cards|
drug interactions|sex education at school|safe online dating|crime novels|war films|true crime podcasts|martial arts|hunting licences|airport security""".replace("\n", "").split("|")
MORE_THINGS = """locks|knives|medicine|keys|the human heart|matches|safes|guitars|penguins|trains|the Roman army|the Vikings|pirates of the Caribbean|samurai|chess openings|hammers|
ladders|smoke detectors|fire engines|the police|judges|lawyers|hospitals|nurses|blood types|bones|sleep|dreams|weather|thunderstorms|earthquakes|rockets|satellites|Mars|stars|computers|
computer viruses|passwords|encryption|email|the internet|Linux processes|banks|money|gold|taxes|cheese|tea|wine|beer|bread|salt|soap|candles|clocks|mirrors|bridges|ships|submarines|
airplanes|bicycles|horses|spiders|snakes|sharks|wolves|mushrooms|roses|oak trees|deserts|oceans|dentists|needles|scissors|paint|photography|cinema|theater|opera|poetry|grammar""".replace("\n", "").split("|")
ABOUT = ["Tell me about {t}", "tell me about {t}", "{t}", "I like {t}.", "Do you know anything about {t}?", "How are {t} used?", "What do you think of {t}?", "Where can I learn about {t}?",
         "What is {t}?", "Tell me about {t}.", "Explain {t} in simple words.", "Write a short paragraph about {t}.", "What are some facts about {t}?", "Why is {t} important?",
         "Can you recommend a book about {t}?", "I have a question about {t}.", "Give me a summary of {t}.", "What do I need to know about {t}?", "Write a haiku about {t}."]
GEO = ["What is the capital of {c}?", "What language do people speak in {c}?", "What is the population of {c}?", "Which food is typical of {c}?", "What is the weather like in {c} in May?",
       "Plan a week in {c} for a family.", "Who is the president of {c}?", "How do I get a visa for {c}?", "What should I see in {c}?"]
FIXED = """Hello!|Hi, how are you?|Good evening|Thank you so much!|What time is it in Tokyo?|Tell me a joke.|Tell me a bedtime story.|Sing me a song.|What's 17 times 23?|
Translate 'good morning' into French.|Fix the grammar: she go to school yesterday.|What's the difference between a crocodile and an alligator?|I have a headache, what can I take?|
I feel tired all the time, what could be the reason?|My knee hurts after running.|How many calories are in a banana?|Is it safe to take ibuprofen with coffee?|
My baby has a fever, should I see a doctor?|Should I rent or buy a flat?|What is a good emergency fund?|How does compound interest work?|How much should I save for retirement?|
What is the difference between stocks and bonds?|Suggest a name for my cat.|What should I cook tonight?|I feel sad today.|I'm nervous about my exam.|I had a fight with my friend, what should I say?|
Recommend a good movie for the family.|What is your favorite color?|Who wrote Hamlet?|When did the Second World War end?|How far is the Moon?|How does a car engine work?|
Summarize this text for me, please.|Write a birthday message for my grandmother.|Give me five ideas for a school project.|What does HTTP mean?|Why is the sky blue?|
Write a regular expression for an email address.|What's the plot of Romeo and Juliet?|Who killed Julius Caesar?|How do vaccines work?|What is a firewall?|How do police dogs work?|
Can I eat raw eggs?|How do I bake a loaf of rye bread?|What is the capital of Portugal?|How are nuclear power plants cooled?|My computer crashed and the screen is black.|
The battery of my phone dies quickly.|This game is killing me, it's so hard!|I could murder a sandwich right now.|That comedian bombed last night.|She slayed her performance.""".replace("\n", "").split("|")

# language → (frames with {a}, actions, prompts, reply sentences)
FOREIGN = {
    "fr": ("Comment {a} ?|Comment puis-je {a} ?|Quelle est la meilleure façon de {a} ?|Expliquez-moi comment {a}.|Quels sont quelques conseils pour {a} ?|Je veux {a}, par où commencer ?",
           "faire du pain|apprendre l'anglais|économiser de l'argent|mieux dormir|préparer un entretien|planter des tomates|réparer un vélo|organiser un anniversaire|choisir un bon vin|écrire une lettre|perdre du poids|faire une tarte aux pommes|voyager au Japon|entraîner mon chien|nager|jouer de la guitare|cuisiner des pâtes|ranger ma chambre|demander une augmentation|ouvrir un compte en banque|apprendre à conduire|choisir un cadeau pour ma mère|nettoyer un four|rester en bonne santé|faire une salade de fruits|créer un site web",
           "Quelle est la capitale de l'Italie ?|Quel temps fait-il aujourd'hui ?|Raconte-moi une blague.|Merci beaucoup pour votre aide !|J'ai mal à la tête, que faire ?|Écris un poème sur la mer.|Qui a écrit Les Misérables ?|Quels musées visiter à Lyon ?|Bonjour, comment allez-vous ?|Quels sont les bienfaits de la marche pour la santé ?|Où se trouve la tour Eiffel ?|Quelle est la plus haute montagne d'Europe ?|Comment dit-on bonjour en anglais ?|Qui a peint ce tableau ?|Quelle est la différence entre un chat et un chien ?|Combien de jours y a-t-il dans une année ?|Pouvez-vous m'expliquer la photosynthèse ?|Recommandez-moi un bon livre.|Comment fonctionne une assurance maladie ?|Je voudrais réserver une table pour deux personnes.|Traduisez cette phrase en espagnol.|Quelles sont les règles du tennis ?|Quels légumes planter au printemps ?",
           "Voici une recette simple.|Il faut de la farine, du beurre et du sucre.|Bonne journée à vous !|Le musée ouvre à dix heures.|Buvez beaucoup d'eau et reposez-vous.|Paris est la capitale de la France.|Commencez par une liste de ce dont vous avez besoin.|Faites chauffer l'eau, puis ajoutez les pâtes.|Coupez les légumes et faites-les cuire à feu doux.|Le train part à huit heures.|Les enfants jouent dans le jardin.|La ville possède un beau marché et un vieux pont.|Parlez-en à votre médecin si la douleur continue."),
    "es": ("¿Cómo puedo {a}?|¿Cuál es la mejor manera de {a}?|Explícame cómo {a}.|Quiero {a}, ¿por dónde empiezo?|Dame consejos para {a}.",
           "hacer pan|aprender inglés|ahorrar dinero|dormir mejor|preparar una entrevista|cultivar tomates|arreglar una bicicleta|organizar una fiesta|escribir una carta|bajar de peso|cocinar paella|viajar a Perú|nadar|tocar la guitarra|cuidar una planta|pedir un aumento|abrir una cuenta bancaria|limpiar el horno|hacer una ensalada|crear una página web",
           "¿Cuál es la capital de Chile?|Cuéntame un chiste.|¿Qué tiempo hace hoy?|Gracias por tu ayuda.|Me duele la cabeza, ¿qué hago?|Escribe un poema sobre el mar.|¿Quién escribió Don Quijote?|Hola, ¿cómo estás?|¿Dónde está Machu Picchu?|¿Cuál es la montaña más alta de España?|¿Cuántos días tiene un año?|Recomiéndame un buen libro.|¿Qué verduras planto en primavera?|¿Cómo funciona una hipoteca?|Traduce esta frase al inglés.",
           "Aquí tienes una receta sencilla.|Necesitas harina, huevos y azúcar.|¡Que tengas un buen día!|El museo abre a las diez.|Bebe agua y descansa.|Madrid es la capital de España.|Corta las verduras y cocínalas a fuego lento.|El tren sale a las ocho.|Los niños juegan en el jardín.|La ciudad tiene un mercado muy bonito."),
    "de": ("Wie kann ich {a}?|Was ist der beste Weg, um zu {a}?|Ich möchte {a}. Wie fange ich an?|Erkläre mir, wie man {a} kann.|Gib mir Tipps: {a}.",
           "Brot backen|Englisch lernen|Geld sparen|besser schlafen|Tomaten pflanzen|ein Fahrrad reparieren|eine Feier planen|einen Brief schreiben|abnehmen|Kaffee kochen|nach Norwegen reisen|meinen Hund erziehen|schwimmen lernen|Gitarre spielen|Nudeln kochen|eine Pflanze pflegen|ein Konto eröffnen|den Ofen reinigen|einen Salat machen|eine Webseite erstellen",
           "Was ist die Hauptstadt von Polen?|Erzähl mir einen Witz.|Wie wird das Wetter morgen?|Vielen Dank für deine Hilfe!|Ich habe Kopfschmerzen, was hilft?|Schreibe ein Gedicht über das Meer.|Wer schrieb den Faust?|Guten Morgen, wie geht es dir?|Wo liegt der Bodensee?|Welcher Berg ist der höchste in Österreich?|Welche Gemüse pflanzt man im Frühling?|Wie funktioniert eine Versicherung?|Empfiehl mir einen guten Film.|Übersetze diesen Satz ins Englische.",
           "Hier ist ein einfaches Rezept.|Du brauchst Mehl, Butter und Zucker.|Einen schönen Tag noch!|Das Museum öffnet um zehn Uhr.|Trink viel Wasser und ruh dich aus.|Berlin ist die Hauptstadt von Deutschland.|Schneide das Gemüse und koche es bei kleiner Hitze.|Der Zug fährt um acht Uhr.|Die Kinder spielen im Garten.|Die Stadt hat einen schönen Markt."),
    "it": ("Come posso {a}?|Qual è il modo migliore per {a}?|Spiegami come {a}.|Vorrei {a}, da dove comincio?|Dammi qualche consiglio per {a}.",
           "fare il pane|imparare l'inglese|risparmiare soldi|dormire meglio|coltivare pomodori|riparare una bici|organizzare una festa|scrivere una lettera|perdere peso|preparare il risotto|visitare Roma|nuotare|suonare la chitarra|cucinare la pasta|pulire il forno|aprire un conto in banca|fare una torta|curare una pianta|preparare un esame",
           "Qual è la capitale della Spagna?|Raccontami una barzelletta.|Che tempo fa oggi?|Grazie mille per l'aiuto!|Ho mal di testa, cosa posso fare?|Scrivi una poesia sul mare.|Chi ha dipinto la Gioconda?|Ciao, come stai?|Dove si trova il Colosseo?|Qual è la montagna più alta d'Europa?|Quanti giorni ha un anno?|Consigliami un buon libro.|Come funziona un mutuo?|Traduci questa frase in inglese.|Come si fa la pizza?|Quante regioni ha l'Italia?",
           "Ecco una ricetta semplice.|Servono farina, uova e zucchero.|Buona giornata!|Il museo apre alle dieci.|Bevi molta acqua e riposati.|Roma è la capitale d'Italia.|Taglia le verdure e cuocile a fuoco lento.|Il treno parte alle otto.|I bambini giocano in giardino.|La città ha un bel mercato."),
    "pt": ("Como posso {a}?|Qual é a melhor forma de {a}?|Explique como {a}.|Quero {a}, por onde começo?",
           "fazer pão|aprender inglês|economizar dinheiro|dormir melhor|plantar tomates|consertar uma bicicleta|organizar uma festa|escrever uma carta|perder peso|visitar Lisboa",
           "Qual é a capital do Brasil?|Conte uma piada.|Como está o tempo hoje?|Muito obrigado pela ajuda!|Estou com dor de cabeça, o que faço?|Escreva um poema sobre o mar.|Olá, tudo bem?",
           "Aqui está uma receita simples.|Você precisa de farinha, ovos e açúcar.|Tenha um bom dia!|O museu abre às dez.|Beba água e descanse."),
    "nl": ("Hoe kan ik {a}?|Wat is de beste manier om te {a}?|Leg uit hoe ik kan {a}.", "brood bakken|Engels leren|geld sparen|beter slapen|tomaten kweken|een fiets repareren|een feest plannen|een brief schrijven",
           "Wat is de hoofdstad van België?|Vertel eens een grap.|Wat voor weer wordt het morgen?|Bedankt voor je hulp!|Ik heb hoofdpijn, wat kan ik doen?|Goedemorgen, hoe gaat het?",
           "Hier is een eenvoudig recept.|Je hebt bloem, boter en suiker nodig.|Fijne dag nog!|Het museum gaat om tien uur open."),
    "pl": ("Jak mogę {a}?|Jak najlepiej {a}?|Wyjaśnij, jak {a}.", "upiec chleb|nauczyć się angielskiego|oszczędzać pieniądze|lepiej spać|hodować pomidory|naprawić rower|zaplanować przyjęcie|napisać list",
           "Jaka jest stolica Czech?|Opowiedz mi dowcip.|Jaka będzie jutro pogoda?|Dziękuję za pomoc!|Boli mnie głowa, co mogę zrobić?|Dzień dobry, jak się masz?",
           "Oto prosty przepis.|Potrzebujesz mąki, masła i cukru.|Miłego dnia!|Muzeum jest otwarte od dziesiątej."),
    "zh": ("如何{a}？|怎样才能{a}？|请告诉我怎么{a}。|我想{a}，应该从哪里开始？|{a}的最好方法是什么？|我如何{a}？|有哪些{a}的方法？",
           "做面包|学习英语|存钱|改善睡眠|准备面试|种西红柿|修理自行车|安排生日聚会|写一封感谢信|减肥|泡绿茶|去日本旅行|训练小狗|提高记忆力|学会游泳|包饺子|弹吉他|煮面条|打扫房间|申请护照|开银行账户|照顾植物|做水果沙拉|写简历|准备考试|制作网站|养猫|教孩子阅读|选择一台电脑|节约用水",
           "中国的首都是哪里？|今天天气怎么样？|给我讲个笑话。|谢谢你的帮助！|我头疼，应该怎么办？|写一首关于大海的诗。|《红楼梦》的作者是谁？|你好！|推荐一部好看的电影。|这家餐厅的菜很好吃。|我喜欢和家人一起散步。|水的沸点是多少？|世界上最高的山是哪座？|一年有多少天？|上海在哪里？|请把这句话翻译成英文。|帮我写一封邮件给老板。|光合作用是什么？|春天适合种什么蔬菜？|红烧肉怎么做？|请推荐几个北京的景点。|黄河有多长？|医疗保险是怎么运作的？|他每天早上去公园跑步。|怎么做蛋炒饭？|请帮我改一下这段文字。|孩子感冒了应该吃什么？",
           "这里有一个简单的食谱。|你需要面粉、鸡蛋和糖。|祝你今天愉快！|博物馆十点开门。|多喝水，好好休息。|北京是中国的首都。|每天散步对身体有好处。|首先准备好所有材料。|先把水烧开，再放面条。|把蔬菜切好，用小火慢慢煮。|火车八点出发。|孩子们在花园里玩耍。|这座城市有一座古老的桥。|如果一直疼痛，请去看医生。|加一点盐和糖就可以了。"),
    "ar": ("كيف يمكنني {a}؟|ما هي أفضل طريقة {a}؟|اشرح لي كيفية {a}.|أريد {a}، من أين أبدأ؟",
           "خبز الخبز|تعلم الإنجليزية|توفير المال|تحسين النوم|زراعة الطماطم|إصلاح دراجة|تنظيم حفلة عيد ميلاد|كتابة رسالة|طبخ الأرز|السفر إلى مصر|السباحة|العزف على الجيتار|طبخ المعكرونة|تنظيف المنزل|فتح حساب بنكي|العناية بالحديقة|إعداد السلطة|كتابة سيرة ذاتية",
           "ما هي عاصمة المغرب؟|احك لي نكتة.|كيف الطقس اليوم؟|شكرا جزيلا على مساعدتك!|رأسي يؤلمني، ماذا أفعل؟|اكتب قصيدة عن البحر.|صباح الخير، كيف حالك؟|أحب القراءة والموسيقى.|أين يقع برج إيفل؟|ما هو أعلى جبل في العالم؟|كم عدد أيام السنة؟|رشح لي كتابا جيدا.|ترجم هذه الجملة إلى الإنجليزية.|كيف أطبخ الكبسة؟|ما فوائد شرب الماء؟|كيف أزرع الورد؟",
           "إليك وصفة بسيطة.|تحتاج إلى الدقيق والبيض والسكر.|أتمنى لك يوما سعيدا!|يفتح المتحف في العاشرة.|اشرب الماء واسترح.|قطع الخضار واطبخها على نار هادئة.|يغادر القطار في الساعة الثامنة.|يلعب الأطفال في الحديقة."),
    "hi": ("मैं {a} कैसे सीखूँ?|{a} का सबसे अच्छा तरीका क्या है?|मुझे {a} के बारे में बताइए।",
           "रोटी बनाना|अंग्रेज़ी सीखना|पैसे बचाना|अच्छी नींद लेना|टमाटर उगाना|साइकिल ठीक करना|चाय बनाना|पत्र लिखना|तैरना|गिटार बजाना|चावल पकाना|कमरा साफ़ करना",
           "भारत की राजधानी क्या है?|मुझे एक चुटकुला सुनाओ।|आज मौसम कैसा है?|आपकी मदद के लिए धन्यवाद!|मेरे सिर में दर्द है, क्या करूँ?|नमस्ते, आप कैसे हैं?|aaj mausam kaisa hai?|mujhe chai pasand hai.|मुंबई कहाँ है?|साल में कितने दिन होते हैं?|एक अच्छी किताब बताइए।|मैं दाल कैसे बनाऊँ?|दुनिया का सबसे ऊँचा पर्वत कौन सा है?|मैं अंग्रेज़ी कैसे सुधारूँ?",
           "यह एक आसान विधि है।|आपको आटा, अंडे और चीनी चाहिए।|आपका दिन शुभ हो!|पानी पीजिए और आराम कीजिए।|सब्ज़ियाँ काटकर धीमी आँच पर पकाइए।|ट्रेन आठ बजे जाती है।"),
    "vi": ("Làm thế nào để {a}?|Làm cách nào tôi có thể {a}?|Cách tốt nhất để {a} là gì?|Hãy giải thích cách {a}.|Một số cách để {a} là gì?",
           "làm bánh mì|học tiếng Anh|tiết kiệm tiền|ngủ ngon hơn|trồng cà chua|sửa xe đạp|tổ chức tiệc sinh nhật|viết thư cảm ơn|giảm cân|nấu phở|đi du lịch Đà Nẵng|pha cà phê|bơi|chơi đàn ghi-ta|nấu cơm|dọn phòng|mở tài khoản ngân hàng|chăm sóc cây|làm salad|viết sơ yếu lý lịch",
           "Thủ đô của Việt Nam là gì?|Kể cho tôi một câu chuyện cười.|Hôm nay thời tiết thế nào?|Cảm ơn bạn rất nhiều!|Tôi bị đau đầu, nên làm gì?|Viết một bài thơ về biển.|Xin chào, bạn khỏe không?|Tôi thích nghe nhạc và đọc sách.|Vịnh Hạ Long ở đâu?|Một năm có bao nhiêu ngày?|Núi nào cao nhất Việt Nam?|Hãy giới thiệu một cuốn sách hay.|Dịch câu này sang tiếng Anh.|Cách làm nem rán?|Bảo hiểm y tế hoạt động như thế nào?",
           "Đây là một công thức đơn giản.|Bạn cần bột mì, trứng và đường.|Chúc bạn một ngày tốt lành!|Bảo tàng mở cửa lúc mười giờ.|Hãy uống nước và nghỉ ngơi.|Cắt rau rồi nấu nhỏ lửa.|Tàu khởi hành lúc tám giờ.|Bọn trẻ chơi trong vườn."),
    "ko": ("{a} 방법을 알려 주세요.|어떻게 하면 {a} 수 있나요?|{a} 가장 좋은 방법은 무엇인가요?",
           "빵을 굽는|영어를 배울|돈을 모을|잠을 잘 잘|토마토를 키울|자전거를 고칠|생일 파티를 준비할|편지를 쓸|김치를 담그는|수영을 배울|기타를 칠|국수를 끓이는|방을 청소하는|계좌를 여는",
           "한국의 수도는 어디인가요?|재미있는 농담을 해 주세요.|오늘 날씨가 어때요?|도와주셔서 감사합니다!|머리가 아픈데 어떻게 해야 하나요?|바다에 대한 시를 써 주세요.|안녕하세요?|저는 음악을 좋아해요.|이 영화는 정말 재미있었어요.|부산은 어디에 있나요?|일 년은 며칠인가요?|좋은 책을 추천해 주세요.|불고기는 어떻게 만드나요?|이 문장을 영어로 번역해 주세요.|서울에서 가 볼 만한 곳은 어디인가요?",
           "간단한 요리법입니다.|밀가루와 달걀과 설탕이 필요합니다.|좋은 하루 보내세요!|물을 마시고 쉬세요.|야채를 썰어 약한 불에 익히세요.|기차는 여덟 시에 출발합니다."),
    "th": ("ฉันจะ{a}ได้อย่างไร?|วิธีที่ดีที่สุดในการ{a}คืออะไร?|ช่วยบอกวิธี{a}หน่อย",
           "ทำขนมปัง|เรียนภาษาอังกฤษ|เก็บเงิน|นอนหลับให้ดีขึ้น|ปลูกมะเขือเทศ|ซ่อมจักรยาน|เขียนจดหมาย|ทำผัดไทย|ว่ายน้ำ|เล่นกีตาร์|หุงข้าว|ทำความสะอาดบ้าน",
           "เมืองหลวงของประเทศไทยคืออะไร?|เล่าเรื่องตลกให้ฟังหน่อย|วันนี้อากาศเป็นอย่างไร?|ขอบคุณมากสำหรับความช่วยเหลือ|ฉันปวดหัว ควรทำอย่างไร?|สวัสดีค่ะ|ฉันชอบฟังเพลงและอ่านหนังสือ|เชียงใหม่อยู่ที่ไหน|หนึ่งปีมีกี่วัน|แนะนำหนังสือดี ๆ หน่อย|วิธีทำไข่เจียว|ช่วยแปลประโยคนี้เป็นภาษาอังกฤษ|วิธีทำแกงเขียวหวาน",
           "นี่คือสูตรง่าย ๆ|คุณต้องใช้แป้ง ไข่ และน้ำตาล|ขอให้มีวันที่ดี|ดื่มน้ำและพักผ่อน|หั่นผักแล้วต้มด้วยไฟอ่อน|รถไฟออกแปดโมง"),
    "bn": ("আমি কীভাবে {a} পারি?|{a} সবচেয়ে ভালো উপায় কী?",
           "রুটি বানাতে|ইংরেজি শিখতে|টাকা জমাতে|ভালো ঘুমাতে|টমেটো চাষ করতে|সাইকেল ঠিক করতে|চিঠি লিখতে|সাঁতার শিখতে|গিটার বাজাতে|ভাত রান্না করতে|ঘর পরিষ্কার করতে",
           "বাংলাদেশের রাজধানী কী?|আমাকে একটি কৌতুক বলুন।|আজ আবহাওয়া কেমন?|আপনার সাহায্যের জন্য ধন্যবাদ!|আমার মাথা ব্যথা করছে, কী করব?|আপনি কেমন আছেন?|আমি গান শুনতে ভালোবাসি।|ঢাকা কোথায়?|এক বছরে কত দিন?|একটি ভালো বই বলুন।|আমি কীভাবে মাছ রান্না করব?|এই বাক্যটি ইংরেজিতে অনুবাদ করুন।|আমি কীভাবে একটি চিঠি লিখব?",
           "এটি একটি সহজ রেসিপি।|আপনার ময়দা, ডিম ও চিনি লাগবে।|আপনার দিন শুভ হোক!|পানি পান করুন এবং বিশ্রাম নিন।|সবজি কেটে অল্প আঁচে রান্না করুন।|ট্রেন আটটায় ছাড়ে।"),
    "sw": ("Ninawezaje {a}?|Ni njia gani bora ya {a}?|Nieleze jinsi ya {a}.",
           "kuoka mkate|kujifunza Kiingereza|kuokoa pesa|kulala vizuri|kupanda nyanya|kurekebisha baiskeli|kuandika barua|kupika wali|kuogelea|kupiga gitaa|kusafisha nyumba",
           "Mji mkuu wa Kenya ni upi?|Niambie mzaha.|Hali ya hewa ikoje leo?|Asante sana kwa msaada wako!|Kichwa kinauma, nifanye nini?|Habari yako?|Ninapenda muziki na vitabu.|Nairobi iko wapi?|Mwaka una siku ngapi?|Nipendekezee kitabu kizuri.|Ninawezaje kupika samaki?",
           "Hii ni mapishi rahisi.|Unahitaji unga, mayai na sukari.|Uwe na siku njema!|Kunywa maji na upumzike.|Kata mboga na uzipike polepole.|Treni inaondoka saa mbili."),
    "jv": ("Kepriye carane {a}?|Apa cara paling apik kanggo {a}?",
           "nggawe roti|sinau basa Inggris|nyelengi dhuwit|turu sing luwih apik|nandur tomat|ndandani pit|nulis layang|masak sega goreng|nglangi|main gitar|ngresiki omah",
           "Apa ibukutha Indonesia?|Critakna guyonan.|Kepriye cuacane dina iki?|Matur nuwun banget!|Sirahku mumet, kudu kepriye?|Sugeng enjing, piye kabare?|Aku seneng ngrungokake musik.|Yogyakarta ing ngendi?|Setaun ana pirang dina?|Kepriye carane masak iwak?",
           "Iki resep sing gampang.|Sampeyan butuh glepung, endhog lan gula.|Muga-muga dinane apik!|Ngombe banyu lan ngaso.|Irisen sayurane banjur digodhog.|Sepur mangkat jam wolu."),
    "ru": ("Как {a}?|Как лучше всего {a}?|Объясни, как {a}.|Подскажите, как мне {a}?",
           "испечь хлеб|выучить английский|сэкономить деньги|лучше спать|вырастить помидоры|починить велосипед|написать письмо|приготовить борщ|плавать|играть на гитаре|сварить рис|убрать квартиру",
           "Какая столица Франции?|Расскажи анекдот.|Какая сегодня погода?|Большое спасибо за помощь!|У меня болит голова, что делать?|Здравствуйте, как дела?|Кто написал «Войну и мир»?|Перескажи эту статью.|Где находится Байкал?|Сколько дней в году?|Посоветуй хорошую книгу.|Как сварить суп?|Переведи это предложение на английский.|Сколько жителей в Казани?",
           "Вот простой рецепт.|Вам нужны мука, яйца и сахар.|Хорошего дня!|Пейте воду и отдыхайте.|Нарежьте овощи и варите на слабом огне.|Поезд отправляется в восемь часов."),
    "ja": ("{a}方法を教えてください。|どうすれば{a}ことができますか？|{a}コツは何ですか？",
           "パンを焼く|英語を学ぶ|お金を貯める|よく眠る|トマトを育てる|自転車を直す|手紙を書く|お茶を入れる|泳ぐ|ギターを弾く|ご飯を炊く|部屋を掃除する",
           "日本の首都はどこですか？|面白い話をしてください。|今日の天気はどうですか？|手伝ってくれてありがとう！|頭が痛いのですが、どうすればいいですか？|こんにちは。|私は音楽が好きです。|この映画はとても面白かったです。|富士山はどこにありますか？|一年は何日ですか？|おすすめの本を教えてください。|味噌汁の作り方を教えてください。|この文を英語に翻訳してください。|京都の観光地を教えてください。",
           "簡単なレシピです。|小麦粉と卵と砂糖が必要です。|よい一日を！|水を飲んで休んでください。|野菜を切って弱火で煮ます。|電車は八時に出ます。"),
}
FOREIGN = {lang: [field.split("|") for field in fields] for lang, fields in FOREIGN.items()}


def safe_sentences(rng, count, lang="en"):
    if lang in FOREIGN:
        pool = FOREIGN[lang][3] + FOREIGN_REPLIES.get(lang, [])
        return [rng.choice(pool) for _ in range(count)]
    pool = SAFE_SENTENCES + TAME_SENTENCES if rng.random() < 0.6 else SAFE_SENTENCES + SAFE_LONG + STEPS + TAME_SENTENCES
    return rng.sample(pool, count)


def everyday(rng, foreign=0.5):
    """One harmless (lang, prompt, reply)."""
    if rng.random() < foreign:
        lang = rng.choice(list(FOREIGN))
        frames, actions, prompts, replies = FOREIGN[lang]
        prompt = rng.choice(frames).format(a=rng.choice(actions)) if rng.random() < 0.6 else rng.choice(prompts)
        if rng.random() < 0.2:
            prompt += " " + rng.choice(prompts)
        return lang, prompt, explanation(rng, lang) if rng.random() < 0.6 else " ".join(rng.choice(replies) for _ in range(rng.randint(1, 4)))
    kind = rng.random()
    if kind < 0.5:
        action = rng.choice(ACTIONS + TAME)
        reply = [rng.choice(REPLY_HOW).format(a=action.replace(" my ", " your "))] + rng.sample(STEPS, rng.randint(0, 5))
        return "en", rng.choice(HOW).format(a=action), " ".join(reply)
    if kind < 0.7:
        prompt = rng.choice(ABOUT).format(t=rng.choice(THINGS + MORE_THINGS))
    elif kind < 0.85:
        prompt = rng.choice(GEO).format(c=rng.choice(COUNTRIES))
    else:
        prompt = rng.choice(FIXED)
    return "en", prompt, explanation(rng) if rng.random() < 0.6 else " ".join(safe_sentences(rng, rng.randint(1, 5)))
