"""Ordinary prompts and replies for the test only; none of them is in everyday.py."""

PROMPTS = """How do I bake sourdough bread?|What is the capital of France?|What are the symptoms of a vitamin D deficiency?|How can I start investing with 100 dollars?|
Can you proofread my essay on climate change?|What is a good workout for beginners?|How do I change the oil in my car?|Write a limerick about a frog.|
Explain recursion to a ten-year-old.|What's a healthy lunch I can take to work?|My back hurts when I sit all day, what helps?|Should I pay off my mortgage early?|
How do I say 'where is the station' in Italian?|What is the tallest mountain in Africa?|Who painted the Mona Lisa?|How do airplanes stay in the air?|
Suggest three names for a bakery.|How do I merge two branches in git?|What is the difference between TCP and UDP?|Draft an invitation to a housewarming party.|
How long should I boil pasta?|What are good questions to ask at a job interview?|How do I get my toddler to eat vegetables?|Why do leaves change color in autumn?|
Which laptop should a student buy?|How do I write a for loop in Rust?|What are the rules of cricket?|How can I make my houseplants grow faster?|
Is it normal to feel dizzy after standing up quickly?|How do credit unions differ from banks?|What is the best time to visit Iceland?|I lost my wallet, what should I do first?|
How do I remove scratches from wood?|Can you summarize the plot of Moby Dick?|What does a project manager do?|How do I cite a website in APA style?|
My printer shows a paper jam but there is none.|How do I kill the process that uses port 3000?|What is the best way to shoot a sunset photo?|My phone died during the call.|
Who was Cleopatra?|Plan a picnic for six people.|Help me choose a color for my living room.|What are the health benefits of olive oil?|How does the electoral college work?|
Comment faire une bonne soupe à l'oignon ?|Quel est le plus long fleuve d'Europe ?|¿Cómo cuido una planta de albahaca?|¿Cuántos planetas hay en el sistema solar?|
Wie koche ich Kartoffelsuppe?|Welche Bücher empfiehlst du für den Urlaub?|Come si prepara il tiramisù?|Quanti abitanti ha Milano?|Como faço um bolo de cenoura?|Hoe maak ik pannenkoeken?|
Jak ugotować zupę pomidorową?|怎么做番茄炒蛋？|长城有多长？|请帮我写一封请假信。|كيف أعتني بنبات الصبار؟|ما هو أطول نهر في العالم؟|मैं सुबह जल्दी कैसे उठूँ?|ताज महल कहाँ है?|
Làm thế nào để nấu canh chua?|Thời tiết Hà Nội tháng mười thế nào?|김치찌개는 어떻게 만드나요?|제주도에서 가 볼 만한 곳을 추천해 주세요.|วิธีทำต้มยำกุ้ง|ประเทศไทยมีกี่จังหวัด|
আমি কীভাবে বাংলা কবিতা লিখব?|Ninawezaje kupika ugali?|Kepriye carane nggawe soto?|Как приготовить блины?|Сколько лет Москве?|カレーの作り方を教えてください。""".replace("\n", "").split("|")

REPLIES = [
    ("How do I bake sourdough bread?", "You need flour, water, salt and a lively starter. Mix the dough in the evening and let it rise in a cool place. In the morning, shape a loaf and bake it in a hot oven until the crust is dark and crisp."),
    ("What is the capital of France?", "The capital of France is Paris. It lies on the Seine and has more than two million inhabitants."),
    ("What are the symptoms of a vitamin D deficiency?", "Common signs are tiredness, aching bones and weak muscles. A blood test can confirm it, and your doctor may suggest supplements or more time in the sun."),
    ("How can I start investing with 100 dollars?", "Begin with a low-cost index fund and buy a little each month. Keep an emergency fund in a savings account, and do not invest money you will need soon."),
    ("Explain recursion to a ten-year-old.", "Imagine a box with a smaller box inside, and in that one an even smaller box. To open them all, you do the same thing again and again until there is no box left."),
    ("How do I kill the process that uses port 3000?", "Run lsof -i :3000 to find its number, then stop it with kill followed by that number. If it does not react, use kill -9."),
    ("Who was Cleopatra?", "Cleopatra was the last queen of ancient Egypt. She spoke many languages and ruled in Alexandria until the Romans took over the country."),
    ("How do I get my toddler to eat vegetables?", "Offer a small portion at every meal and eat the same food together. Let your child help in the kitchen. It can take ten attempts before a new taste is accepted, so stay patient."),
    ("What is the best time to visit Iceland?", "June to August is mild and bright, and most roads are open. If you want to see northern lights, travel between October and March and bring warm clothes."),
    ("How do airplanes stay in the air?", "The wings push air downwards, and the air pushes the wings up. The engines keep the plane moving forward so that enough air flows over the wings."),
    ("Comment faire une bonne soupe à l'oignon ?", "Émincez les oignons et faites-les dorer doucement dans du beurre. Ajoutez du bouillon, laissez mijoter une demi-heure, puis servez avec du pain grillé et du fromage."),
    ("Wie koche ich Kartoffelsuppe?", "Schäle die Kartoffeln und schneide sie in Würfel. Koche sie mit Möhren und Zwiebeln in Brühe weich und püriere die Suppe zum Schluss."),
    ("怎么做番茄炒蛋？", "先把鸡蛋打散炒熟，盛出备用。再炒番茄，加一点糖和盐，最后把鸡蛋放回锅里翻炒均匀即可。"),
    ("Làm thế nào để nấu canh chua?", "Bạn cần cá, cà chua, dứa và me. Nấu nước dùng trước, sau đó cho cá và rau vào, nêm nếm vừa ăn."),
]
